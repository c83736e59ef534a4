use sea_orm_migration::prelude::*;

use crate::entity::webhook_delivery::{Column, Entity};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Column::WebhookId).uuid().not_null())
            .col(ColumnDef::new(Column::EventId).uuid().not_null())
            .col(ColumnDef::new(Column::EventType).text().not_null())
            .col(ColumnDef::new(Column::Body).text().not_null())
            .col(ColumnDef::new(Column::State).text().not_null())
            .col(ColumnDef::new(Column::Attempts).integer().not_null())
            .col(ColumnDef::new(Column::LastResponseCode).integer().not_null())
            .col(ColumnDef::new(Column::LastError).text().not_null())
            .col(ColumnDef::new(Column::Traceparent).text().not_null())
            .col(ColumnDef::new(Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Column::EndTime).big_integer())
            .col(ColumnDef::new(Column::AvailableTime).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let once = Index::create()
            .name("webhook_delivery_once")
            .table(Entity)
            .col(Column::WebhookId)
            .col(Column::EventId)
            .unique()
            .to_owned();
        manager.create_index(once).await?;
        let by_webhook = Index::create()
            .name("webhook_delivery_by_webhook")
            .table(Entity)
            .col(Column::WebhookId)
            .col(Column::Id)
            .to_owned();
        manager.create_index(by_webhook).await?;
        // Only what is still to be posted, however much was.
        let open = Index::create()
            .name("webhook_delivery_open")
            .table(Entity)
            .col(Column::WebhookId)
            .col(Column::AvailableTime)
            .and_where(Expr::col(Column::State).is_in(["queued", "sending", "deferred"]))
            .to_owned();
        manager.create_index(open).await?;
        let ended = Index::create()
            .name("webhook_delivery_ended")
            .table(Entity)
            .col(Column::EndTime)
            .and_where(Expr::col(Column::EndTime).is_not_null())
            .to_owned();
        manager.create_index(ended).await
    }
}
