use sea_orm_migration::prelude::*;

use crate::entity::member::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new(Column::Annotations).text().not_null().default("").to_owned();
        super::add_columns(manager, Entity, [column]).await
    }
}
