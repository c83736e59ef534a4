use sea_orm_migration::prelude::*;

use crate::entity::person::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(Column::State).text().not_null().default("active").to_owned(),
            ColumnDef::new(Column::StateVersion).big_integer().not_null().default(0).to_owned(),
            ColumnDef::new(Column::PurgeTime).big_integer().to_owned(),
        ];
        // One at a time, as SQLite asks.
        for column in columns {
            manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
