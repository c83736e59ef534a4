use sea_orm_migration::prelude::*;

use crate::entity::{sign_in, sign_in_guard};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use sign_in_guard::Column;
        let table = Table::create()
            .table(sign_in_guard::Entity)
            .col(ColumnDef::new(Column::AddressKey).binary().not_null().primary_key())
            .col(ColumnDef::new(Column::HoldTime).big_integer().not_null())
            .col(ColumnDef::new(Column::ResetTime).big_integer().not_null())
            .col(ColumnDef::new(Column::UnlockTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        create_sign_in(manager).await
    }
}

async fn create_sign_in(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use sign_in::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::AddressKey).binary().not_null())
        .col(ColumnDef::new(Column::AccountId).uuid())
        .col(ColumnDef::new(Column::Outcome).text().not_null())
        .col(ColumnDef::new(Column::Device).text().not_null())
        .col(ColumnDef::new(Column::Source).text().not_null())
        .col(ColumnDef::new(Column::SourceRange).text().not_null())
        .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
        .to_owned();
    manager.create_table(table).await?;
    let indexes = [
        ("sign_in_by_address", Column::AddressKey, Column::CreateTime),
        ("sign_in_by_source", Column::SourceRange, Column::CreateTime),
        ("sign_in_by_account", Column::AccountId, Column::Id),
    ];
    for (name, first, second) in indexes {
        let index = Index::create().name(name).table(Entity).col(first).col(second).to_owned();
        manager.create_index(index).await?;
    }
    Ok(())
}
