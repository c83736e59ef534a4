use sea_orm_migration::prelude::*;

use crate::entity::session::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::AccountId).uuid().not_null())
            .col(ColumnDef::new(Column::RefreshHash).binary().not_null())
            .col(ColumnDef::new(Column::PreviousRefreshHash).binary())
            .col(ColumnDef::new(Column::RotateTime).big_integer())
            .col(ColumnDef::new(Column::RotateRequestId).uuid())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::ExpireTime).big_integer().not_null())
            .col(ColumnDef::new(Column::EndTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        let newest = Index::create()
            .name("session_by_refresh_hash")
            .unique()
            .table(Entity)
            .col(Column::RefreshHash)
            .to_owned();
        manager.create_index(newest).await?;
        let previous = Index::create()
            .name("session_by_previous_refresh_hash")
            .table(Entity)
            .col(Column::PreviousRefreshHash)
            .to_owned();
        manager.create_index(previous).await
    }
}
