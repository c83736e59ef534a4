use sea_orm_migration::prelude::*;

use crate::entity::settings::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::add_columns(manager, Entity, [ColumnDef::new(Column::RoleDrift).text().to_owned()]).await
    }
}
