use sea_orm_migration::prelude::*;

use crate::entity::delivery::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mail = ColumnDef::new(Column::Mail).text().not_null().default("").to_owned();
        manager.alter_table(Table::alter().table(Entity).add_column(mail).to_owned()).await?;
        let by_mail = Index::create().name("delivery_by_mail").table(Entity).col(Column::Mail).to_owned();
        manager.create_index(by_mail).await
    }
}
