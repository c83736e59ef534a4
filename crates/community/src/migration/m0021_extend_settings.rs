use sea_orm_migration::prelude::*;

use crate::entity::settings::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let messages = ColumnDef::new(Column::PersonalMessages).text().to_owned();
        super::add_columns(manager, Entity, [messages]).await
    }
}
