use sea_orm_migration::prelude::*;

use crate::entity::community;
use crate::entity::settings::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::CommunityId).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::AllowedEmailDomains).text())
            .col(ColumnDef::new(Column::SeatLimit).big_integer())
            .col(ColumnDef::new(Column::MaxInvitationLife).big_integer())
            .col(ColumnDef::new(Column::EnforceTwoFactor).boolean().not_null())
            .col(ColumnDef::new(Column::SessionDuration).big_integer())
            .col(ColumnDef::new(Column::DeactivateInactiveMembers).boolean().not_null())
            .col(ColumnDef::new(Column::DirectAddition).text())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
            .foreign_key(
                ForeignKey::create()
                    .name("community_settings_community")
                    .from(Entity, Column::CommunityId)
                    .to(community::Entity, community::Column::Id),
            )
            .to_owned();
        manager.create_table(table).await
    }
}
