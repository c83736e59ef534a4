use sea_orm_migration::prelude::*;

use crate::entity::session::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One at a time, as SQLite asks.
        for column in [Column::Device, Column::Address] {
            let table = Table::alter()
                .table(Entity)
                .add_column(ColumnDef::new(column).text().not_null().default(""))
                .to_owned();
            manager.alter_table(table).await?;
        }
        let by_account = Index::create()
            .name("session_by_account")
            .table(Entity)
            .col(Column::AccountId)
            .col(Column::Id)
            .to_owned();
        manager.create_index(by_account).await
    }
}
