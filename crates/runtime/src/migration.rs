//! The tables that every service's database has: the outbox, the processed events and the answered requests. Each service
//! lists these steps first among its own.

use sea_orm_migration::prelude::*;

use crate::{idempotency, outbox, processed_event};

/// The steps, in order.
#[must_use]
pub fn steps() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(CreateOutbox), Box::new(CreateProcessedEvent), Box::new(CreateAnsweredRequest)]
}

struct CreateOutbox;

impl MigrationName for CreateOutbox {
    fn name(&self) -> &'static str {
        "r0001_create_outbox"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateOutbox {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(outbox::Entity)
            .col(ColumnDef::new(outbox::Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(outbox::Column::Kind).text().not_null())
            .col(ColumnDef::new(outbox::Column::Resource).text().not_null())
            .col(ColumnDef::new(outbox::Column::Version).big_integer().not_null())
            .col(ColumnDef::new(outbox::Column::Payload).binary().not_null())
            .col(ColumnDef::new(outbox::Column::Traceparent).text().not_null())
            .col(ColumnDef::new(outbox::Column::OccurTime).big_integer().not_null())
            .col(ColumnDef::new(outbox::Column::AvailableTime).big_integer().not_null())
            .col(ColumnDef::new(outbox::Column::Attempts).integer().not_null())
            .col(ColumnDef::new(outbox::Column::PublishTime).big_integer())
            .to_owned();
        manager.create_table(table).await?;
        // Only what waits is indexed: the claim must not slow down as published rows pile up.
        let waiting = Index::create()
            .name("outbox_waiting")
            .table(outbox::Entity)
            .col(outbox::Column::OccurTime)
            .col(outbox::Column::Id)
            .and_where(Expr::col(outbox::Column::PublishTime).is_null())
            .to_owned();
        manager.create_index(waiting).await
    }
}

struct CreateProcessedEvent;

impl MigrationName for CreateProcessedEvent {
    fn name(&self) -> &'static str {
        "r0002_create_processed_event"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateProcessedEvent {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let key = Index::create()
            .col(processed_event::Column::Consumer)
            .col(processed_event::Column::EventId)
            .to_owned();
        let table = Table::create()
            .table(processed_event::Entity)
            .col(ColumnDef::new(processed_event::Column::Consumer).text().not_null())
            .col(ColumnDef::new(processed_event::Column::EventId).uuid().not_null())
            .col(ColumnDef::new(processed_event::Column::ProcessTime).big_integer().not_null())
            .primary_key(&mut key.clone())
            .to_owned();
        manager.create_table(table).await
    }
}

struct CreateAnsweredRequest;

impl MigrationName for CreateAnsweredRequest {
    fn name(&self) -> &'static str {
        "r0003_create_answered_request"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateAnsweredRequest {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create()
            .col(idempotency::Column::Caller)
            .col(idempotency::Column::Method)
            .col(idempotency::Column::RequestId)
            .to_owned();
        let table = Table::create()
            .table(idempotency::Entity)
            .col(ColumnDef::new(idempotency::Column::Caller).text().not_null())
            .col(ColumnDef::new(idempotency::Column::Method).text().not_null())
            .col(ColumnDef::new(idempotency::Column::RequestId).uuid().not_null())
            .col(ColumnDef::new(idempotency::Column::Fingerprint).binary().not_null())
            .col(ColumnDef::new(idempotency::Column::Answer).binary().not_null())
            .col(ColumnDef::new(idempotency::Column::CreateTime).big_integer().not_null())
            .primary_key(&mut key)
            .to_owned();
        manager.create_table(table).await
    }
}
