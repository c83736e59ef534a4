use sea_orm_migration::prelude::*;
use usher_runtime::idempotency;

use crate::entity::account::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(Column::StateVersion).big_integer().not_null().default(0).to_owned(),
            ColumnDef::new(Column::PurgeTime).big_integer().to_owned(),
        ];
        // One at a time, as SQLite asks.
        for column in columns {
            manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        }
        let by_purge =
            Index::create().name("account_by_purge_time").table(Entity).col(Column::PurgeTime).to_owned();
        manager.create_index(by_purge).await?;
        // For the sweeper: answers tell of accounts.
        let by_time = Index::create()
            .name("answered_request_by_time")
            .table(idempotency::Entity)
            .col(idempotency::Column::CreateTime)
            .to_owned();
        manager.create_index(by_time).await
    }
}
