use sea_orm_migration::prelude::*;

use crate::entity::seat_reservation::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::InvitationId).uuid().not_null())
            .col(ColumnDef::new(Column::CommunityId).uuid().not_null())
            .col(ColumnDef::new(Column::Confirmed).boolean().not_null())
            .col(ColumnDef::new(Column::LeaseTime).big_integer())
            .col(ColumnDef::new(Column::AfterVersion).big_integer().not_null())
            .primary_key(Index::create().col(Column::InvitationId).col(Column::CommunityId))
            .to_owned();
        manager.create_table(table).await?;
        // For counting.
        let by_community = Index::create()
            .name("seat_reservation_by_community")
            .table(Entity)
            .col(Column::CommunityId)
            .to_owned();
        manager.create_index(by_community).await
    }
}
