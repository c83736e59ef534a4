use sea_orm_migration::prelude::*;

use crate::entity::account::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table(Entity)
            .add_column(ColumnDef::new(Column::LastSeenTime).big_integer())
            .to_owned();
        manager.alter_table(table).await
    }
}
