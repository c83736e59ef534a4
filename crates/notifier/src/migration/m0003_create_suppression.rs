use sea_orm_migration::prelude::*;

use crate::entity::suppression::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::AddressKey).binary().not_null())
            .col(ColumnDef::new(Column::MaskedEmail).text().not_null())
            .col(ColumnDef::new(Column::Reason).text().not_null())
            .col(ColumnDef::new(Column::Note).text().not_null())
            .col(ColumnDef::new(Column::DeliveryId).uuid())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::ExpireTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        let by_address = Index::create()
            .name("suppression_by_address")
            .table(Entity)
            .col(Column::AddressKey)
            .unique()
            .to_owned();
        manager.create_index(by_address).await
    }
}
