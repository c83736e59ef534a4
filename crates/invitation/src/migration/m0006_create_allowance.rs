use sea_orm_migration::prelude::*;

use crate::entity::allowance::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Scope).text().not_null())
            .col(ColumnDef::new(Column::Subject).text().not_null())
            .col(ColumnDef::new(Column::FullTime).big_integer().not_null())
            .primary_key(Index::create().col(Column::Scope).col(Column::Subject))
            .to_owned();
        manager.create_table(table).await
    }
}
