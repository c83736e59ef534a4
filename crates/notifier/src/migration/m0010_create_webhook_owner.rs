use sea_orm_migration::prelude::*;

use crate::entity::webhook_owner::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::CommunityId).uuid().not_null().primary_key())
            .to_owned();
        manager.create_table(table).await
    }
}
