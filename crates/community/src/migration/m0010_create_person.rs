use sea_orm_migration::prelude::*;

use crate::entity::person::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::UserId).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .col(ColumnDef::new(Column::FullName).text().not_null())
            .col(ColumnDef::new(Column::Email).text().not_null())
            .col(ColumnDef::new(Column::EmailVerified).boolean().not_null())
            .col(ColumnDef::new(Column::AuthenticationMethods).text().not_null())
            .col(ColumnDef::new(Column::RegisterTime).big_integer().not_null())
            .col(ColumnDef::new(Column::LastSeenTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        // For the search for those who stay away.
        let by_last_seen =
            Index::create().name("person_by_last_seen").table(Entity).col(Column::LastSeenTime).to_owned();
        manager.create_index(by_last_seen).await
    }
}
