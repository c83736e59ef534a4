use sea_orm_migration::prelude::*;

use crate::entity::dead_letter::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::DeliveryId).uuid().not_null())
            .col(ColumnDef::new(Column::Reason).text().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::RedriveTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        let by_delivery = Index::create()
            .name("given_up_mail_by_delivery")
            .table(Entity)
            .col(Column::DeliveryId)
            .to_owned();
        manager.create_index(by_delivery).await
    }
}
