use sea_orm_migration::prelude::*;

use crate::entity::account::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::Email).text().not_null())
            .col(ColumnDef::new(Column::EmailCanonical).text().not_null())
            .col(ColumnDef::new(Column::EmailVerified).boolean().not_null())
            .col(ColumnDef::new(Column::FullName).text().not_null())
            .col(ColumnDef::new(Column::PlatformAdmin).boolean().not_null())
            .col(ColumnDef::new(Column::State).text().not_null())
            .col(ColumnDef::new(Column::TermsVersion).text().not_null())
            .col(ColumnDef::new(Column::TermsAcceptTime).big_integer())
            .col(ColumnDef::new(Column::PasswordHash).text().not_null())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::UpdateTime).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let one_of_an_address = Index::create()
            .name("account_one_of_an_address")
            .unique()
            .table(Entity)
            .col(Column::EmailCanonical)
            .to_owned();
        manager.create_index(one_of_an_address).await
    }
}
