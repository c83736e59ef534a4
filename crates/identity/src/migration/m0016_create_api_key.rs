use sea_orm_migration::prelude::*;

use crate::entity::api_key::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::Owner).text().not_null())
            .col(ColumnDef::new(Column::Hash).binary().not_null().unique_key())
            .col(ColumnDef::new(Column::SealedSecret).text())
            .col(ColumnDef::new(Column::ExpireTime).big_integer())
            .col(ColumnDef::new(Column::RevokeTime).big_integer())
            .col(ColumnDef::new(Column::LastUseTime).big_integer())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await
    }
}
