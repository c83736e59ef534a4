use sea_orm_migration::prelude::*;

use crate::entity::invitation::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let until = ColumnDef::new(Column::MailUntil).big_integer().to_owned();
        manager.alter_table(Table::alter().table(Entity).add_column(until).to_owned()).await
    }
}
