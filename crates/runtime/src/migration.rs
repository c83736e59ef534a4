//! The tables that every service's database has: the outbox and the turn at it, the processed events, dead letters and the answered
//! requests. Each service lists these steps first among its own.

use sea_orm_migration::prelude::*;

use crate::relay::turn;
use crate::{consumer, dead_letter, idempotency, outbox, processed_event};

/// The steps, in order.
#[must_use]
pub fn steps() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(CreateOutbox),
        Box::new(CreateProcessedEvent),
        Box::new(CreateAnsweredRequest),
        Box::new(ConfirmEvents),
        Box::new(CreateDeadLetter),
        Box::new(IndexAnsweredRequest),
        Box::new(CreateOutboxTurn),
        Box::new(CountDefects),
        Box::new(NoteStreamStart),
    ]
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
        // Only what waits is indexed: the relay must not slow down as published rows pile up.
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

struct ConfirmEvents;

impl MigrationName for ConfirmEvents {
    fn name(&self) -> &'static str {
        "r0004_confirm_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ConfirmEvents {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(outbox::Column::Publication).integer().not_null().default(0).to_owned(),
            ColumnDef::new(outbox::Column::StreamTime).big_integer().to_owned(),
            ColumnDef::new(outbox::Column::StreamSequence).big_integer().to_owned(),
            ColumnDef::new(outbox::Column::ConfirmTime).big_integer().to_owned(),
        ];
        for column in columns {
            // SQLite adds one column at a time.
            let table = Table::alter().table(outbox::Entity).add_column(column).to_owned();
            manager.alter_table(table).await?;
        }
        let unconfirmed = Index::create()
            .name("outbox_unconfirmed")
            .table(outbox::Entity)
            .col(outbox::Column::PublishTime)
            .and_where(Expr::col(outbox::Column::PublishTime).is_not_null())
            .and_where(Expr::col(outbox::Column::ConfirmTime).is_null())
            .to_owned();
        manager.create_index(unconfirmed).await?;
        let old = Index::create()
            .name("outbox_confirmed")
            .table(outbox::Entity)
            .col(outbox::Column::ConfirmTime)
            .and_where(Expr::col(outbox::Column::ConfirmTime).is_not_null())
            .to_owned();
        manager.create_index(old).await?;
        let old = Index::create()
            .name("processed_event_time")
            .table(processed_event::Entity)
            .col(processed_event::Column::ProcessTime)
            .to_owned();
        manager.create_index(old).await
    }
}

struct CreateDeadLetter;

impl MigrationName for CreateDeadLetter {
    fn name(&self) -> &'static str {
        "r0005_create_dead_letter"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateDeadLetter {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key =
            Index::create().col(consumer::Column::Consumer).col(consumer::Column::EventId).to_owned();
        let attempts = Table::create()
            .table(consumer::Entity)
            .col(ColumnDef::new(consumer::Column::Consumer).text().not_null())
            .col(ColumnDef::new(consumer::Column::EventId).uuid().not_null())
            .col(ColumnDef::new(consumer::Column::Attempts).integer().not_null())
            .col(ColumnDef::new(consumer::Column::UpdateTime).big_integer().not_null())
            .primary_key(&mut key)
            .to_owned();
        manager.create_table(attempts).await?;
        let letters = Table::create()
            .table(dead_letter::Entity)
            .col(ColumnDef::new(dead_letter::Column::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(dead_letter::Column::Consumer).text().not_null())
            .col(ColumnDef::new(dead_letter::Column::EventId).uuid().not_null())
            .col(ColumnDef::new(dead_letter::Column::Service).text().not_null())
            .col(ColumnDef::new(dead_letter::Column::Kind).text().not_null())
            .col(ColumnDef::new(dead_letter::Column::Resource).text().not_null())
            .col(ColumnDef::new(dead_letter::Column::Version).big_integer().not_null())
            .col(ColumnDef::new(dead_letter::Column::OccurTime).big_integer().not_null())
            .col(ColumnDef::new(dead_letter::Column::Traceparent).text().not_null())
            .col(ColumnDef::new(dead_letter::Column::Payload).binary().not_null())
            .col(ColumnDef::new(dead_letter::Column::Attempts).integer().not_null())
            .col(ColumnDef::new(dead_letter::Column::Reason).text().not_null())
            .col(ColumnDef::new(dead_letter::Column::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(dead_letter::Column::RedriveTime).big_integer())
            .to_owned();
        manager.create_table(letters).await
    }
}

struct IndexAnsweredRequest;

impl MigrationName for IndexAnsweredRequest {
    fn name(&self) -> &'static str {
        "r0006_index_answered_request"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for IndexAnsweredRequest {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let old = Index::create()
            .name("answered_request_time")
            .table(idempotency::Entity)
            .col(idempotency::Column::CreateTime)
            .to_owned();
        manager.create_index(old).await
    }
}

struct CreateOutboxTurn;

impl MigrationName for CreateOutboxTurn {
    fn name(&self) -> &'static str {
        "r0007_create_outbox_turn"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateOutboxTurn {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(turn::Entity)
            .col(ColumnDef::new(turn::Column::Id).integer().not_null().primary_key())
            .col(ColumnDef::new(turn::Column::Holder).uuid().not_null())
            .col(ColumnDef::new(turn::Column::EndTime).big_integer().not_null())
            .to_owned();
        manager.create_table(table).await
    }
}

struct CountDefects;

impl MigrationName for CountDefects {
    fn name(&self) -> &'static str {
        "r0008_count_defects"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CountDefects {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let defects = ColumnDef::new(consumer::Column::Defects).integer().not_null().default(0).to_owned();
        manager.alter_table(Table::alter().table(consumer::Entity).add_column(defects).to_owned()).await
    }
}

struct NoteStreamStart;

impl MigrationName for NoteStreamStart {
    fn name(&self) -> &'static str {
        "r0009_note_stream_start"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for NoteStreamStart {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let start = ColumnDef::new(outbox::Column::StreamStart).big_integer().to_owned();
        manager.alter_table(Table::alter().table(outbox::Entity).add_column(start).to_owned()).await
    }
}
