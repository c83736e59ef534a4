use sea_orm_migration::prelude::*;

use crate::entity::invitation::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(Column::Message).text().not_null().default("").to_owned(),
            ColumnDef::new(Column::Locale).text().not_null().default("").to_owned(),
            ColumnDef::new(Column::Annotations).text().not_null().default("{}").to_owned(),
        ];
        // One at a time, as SQLite asks.
        for column in columns {
            manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
