use sea_orm_migration::prelude::*;

use crate::entity::delivery::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::Invitation).text().not_null())
            .col(ColumnDef::new(Column::MessageId).text().not_null())
            .col(ColumnDef::new(Column::State).text().not_null())
            .col(ColumnDef::new(Column::Attempts).integer().not_null())
            .col(ColumnDef::new(Column::LastError).text().not_null())
            .col(ColumnDef::new(Column::Traceparent).text().not_null())
            .col(ColumnDef::new(Column::Version).big_integer().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::SendTime).big_integer())
            .col(ColumnDef::new(Column::AvailableTime).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let by_invitation =
            Index::create().name("delivery_by_invitation").table(Entity).col(Column::Invitation).to_owned();
        manager.create_index(by_invitation).await?;
        // Only what is still to be sent, however many mails were.
        let unfinished = Index::create()
            .name("delivery_unfinished")
            .table(Entity)
            .col(Column::AvailableTime)
            .and_where(Expr::col(Column::State).is_in(["queued", "sending", "deferred"]))
            .to_owned();
        manager.create_index(unfinished).await
    }
}
