use sea_orm_migration::prelude::*;

use crate::entity::grant::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new(Column::OfferedRoles).text().not_null().default("").to_owned();
        manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await
    }
}
