use sea_orm_migration::prelude::*;

use crate::entity::{offer, offered_role};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let offers = Table::create()
            .table(offer::Entity)
            .col(ColumnDef::new(offer::Column::InvitationId).uuid().not_null().primary_key())
            .col(ColumnDef::new(offer::Column::RootId).uuid().not_null())
            .col(ColumnDef::new(offer::Column::Version).big_integer().not_null())
            .to_owned();
        manager.create_table(offers).await?;
        let (invitation, role) = (offered_role::Column::InvitationId, offered_role::Column::RoleId);
        let roles = Table::create()
            .table(offered_role::Entity)
            .col(ColumnDef::new(invitation).uuid().not_null())
            .col(ColumnDef::new(role).uuid().not_null())
            .primary_key(Index::create().col(invitation).col(role))
            .to_owned();
        manager.create_table(roles).await?;
        let by_role = Index::create()
            .name("offered_role_by_role")
            .table(offered_role::Entity)
            .col(role)
            .col(invitation)
            .to_owned();
        manager.create_index(by_role).await
    }
}
