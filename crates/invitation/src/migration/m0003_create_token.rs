use sea_orm_migration::prelude::*;

use crate::entity::token::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Hash).binary().not_null().primary_key())
            .col(ColumnDef::new(Column::InvitationId).uuid().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let by_invitation = Index::create()
            .name("invitation_token_by_invitation")
            .table(Entity)
            .col(Column::InvitationId)
            .to_owned();
        manager.create_index(by_invitation).await
    }
}
