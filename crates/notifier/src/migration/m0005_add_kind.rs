use sea_orm_migration::prelude::*;

use crate::entity::delivery::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let kind = ColumnDef::new(Column::Kind).text().not_null().default("invitation").to_owned();
        manager.alter_table(Table::alter().table(Entity).add_column(kind).to_owned()).await
    }
}
