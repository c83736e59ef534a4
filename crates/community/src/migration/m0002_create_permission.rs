use sea_orm_migration::prelude::*;

use crate::entity::permission::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Name).text().not_null().primary_key())
            .col(ColumnDef::new(Column::Category).text().not_null())
            .col(ColumnDef::new(Column::Description).text().not_null())
            .col(ColumnDef::new(Column::Service).text().not_null())
            .to_owned();
        manager.create_table(table).await
    }
}
