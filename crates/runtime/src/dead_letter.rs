//! Events that a consumer cannot deal with: kept with the reason, out of the way of the others, until an operator has looked and
//! has them handed over once more.
//!
//! They are reached by `usher outbox`, not by an RPC. Whoever redrives one has mended a defect and rolled the mended version out, so
//! he has the databases at hand; and he must be able to look while a service does not start. A letter holds an event as it came,
//! perhaps forged, of any tree: nothing to be read with an access token. Mails that were given up are the matter of
//! administrators, and have RPCs of the notifier.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::micros;
use crate::rpc::error_chain;
use crate::{Change, Database, Event, Subscription, Timestamp, database};

/// One event that one consumer could not deal with.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letter")]
pub struct Model {
    /// The same for the same event and consumer, so that an event is laid down once.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name of the consumer.
    pub consumer: String,
    /// The id of the event. Nil for a message that is no event of the suite.
    pub event_id: Uuid,
    /// The service that told it. Empty for a message that is no event of the suite.
    pub service: String,
    /// Resource and fact; the subject of a message that is no event of the suite.
    pub kind: String,
    /// The name of the resource.
    pub resource: String,
    /// Counts the changes of the resource from 1.
    pub version: i64,
    /// When it happened.
    pub occur_time: Timestamp,
    /// The W3C trace context. Empty outside a trace.
    pub traceparent: String,
    /// The encoded message.
    pub payload: Vec<u8>,
    /// How often it was tried.
    pub attempts: i32,
    /// What went wrong the last time.
    pub reason: String,
    /// When it was laid down.
    pub create_time: Timestamp,
    /// When it is handed over again. None: not before somebody asks for it.
    pub redrive_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// How often a consumer looks for what is to be handed over again.
const REDRIVE_INTERVAL: Duration = Duration::from_secs(2);
/// How long a consumer has for what it took.
const LEASE: Duration = Duration::from_mins(1);
/// How many it takes at a time.
const BATCH: u64 = 100;

/// Keeps `event` as part of `change`.
pub(crate) async fn lay_down(
    change: &Change,
    consumer: &str,
    event: &Event,
    attempts: i32,
    reason: &str,
) -> Result<(), DbErr> {
    tracing::error!(consumer, event_id = %event.id, kind = event.kind, reason, "event {} is a dead letter", event.id);
    let id = id_of(consumer, &event.id.to_string());
    let row = ActiveModel {
        id: Set(id),
        consumer: Set(consumer.to_owned()),
        event_id: Set(event.id),
        service: Set(event.service.clone()),
        kind: Set(event.kind.clone()),
        resource: Set(event.resource.clone()),
        version: Set(event.version),
        occur_time: Set(event.occur_time),
        traceparent: Set(event.traceparent.clone()),
        payload: Set(event.payload.clone()),
        attempts: Set(attempts),
        reason: Set(reason.to_owned()),
        create_time: Set(Timestamp(0)),
        redrive_time: Set(None),
    };
    insert(change, row).await
}

/// Keeps a message that is no event of the suite; `place` names it for ever.
pub(crate) async fn lay_down_message(
    database: &Database,
    consumer: &str,
    place: &str,
    subject: &str,
    payload: &[u8],
) -> Result<(), DbErr> {
    tracing::error!(consumer, subject, place, "message {place} is not an event of the suite: a dead letter");
    let row = ActiveModel {
        id: Set(id_of(consumer, place)),
        consumer: Set(consumer.to_owned()),
        event_id: Set(Uuid::nil()),
        service: Set(String::new()),
        kind: Set(subject.to_owned()),
        resource: Set(String::new()),
        version: Set(0),
        occur_time: Set(Timestamp(0)),
        traceparent: Set(String::new()),
        payload: Set(payload.to_owned()),
        attempts: Set(1),
        reason: Set("the message is not an event of the suite".to_owned()),
        create_time: Set(Timestamp(0)),
        redrive_time: Set(None),
    };
    let change = database.change().await?;
    insert(&change, row).await?;
    change.commit().await
}

/// The same for the same consumer and event or message.
fn id_of(consumer: &str, what: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(format!("{consumer}/{what}"))[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Writes the row, unless it is there, with the database's time.
async fn insert(change: &Change, row: ActiveModel) -> Result<(), DbErr> {
    let id = row.id.clone().unwrap();
    let insert = Entity::insert(row).on_conflict(OnConflict::new().do_nothing().to_owned());
    if insert.exec_without_returning(&**change).await? > 0 {
        Entity::update_many()
            .col_expr(Column::CreateTime, database::now(&**change))
            .filter(Column::Id.eq(id))
            .exec(&**change)
            .await?;
    }
    Ok(())
}

/// Has dead letters handed to their consumers once more. Returns how many.
pub async fn redrive(change: &Change, which: sea_orm::Condition) -> Result<u64, DbErr> {
    let asked = Entity::update_many()
        .col_expr(Column::RedriveTime, database::now(&**change))
        .filter(Column::EventId.ne(Uuid::nil()))
        .filter(which)
        .exec(&**change)
        .await?;
    Ok(asked.rows_affected)
}

/// Hands the consumer what is to be tried again, until `stop`.
pub(crate) async fn redrive_until(subscription: Subscription, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = redrive_batch(&subscription).await {
            let consumer = subscription.consumer;
            tracing::warn!(consumer, error = error_chain(&error), "dead letters cannot be read");
        }
        tokio::select! {
            () = tokio::time::sleep(REDRIVE_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn redrive_batch(subscription: &Subscription) -> Result<(), DbErr> {
    let connection = &*subscription.database;
    let now = || database::now(connection);
    let due = Entity::find()
        .filter(Column::Consumer.eq(subscription.consumer))
        .filter(Expr::col(Column::RedriveTime).lte(now()));
    for letter in sea_orm::QuerySelect::limit(due, BATCH).all(connection).await? {
        let taken = Entity::update_many()
            .col_expr(Column::RedriveTime, now().add(micros(LEASE)))
            .filter(Column::Id.eq(letter.id))
            .filter(Expr::col(Column::RedriveTime).lte(now()))
            .exec(connection)
            .await?;
        if taken.rows_affected > 0 {
            try_again(subscription, letter).await?;
        }
    }
    Ok(())
}

async fn try_again(subscription: &Subscription, letter: Model) -> Result<(), DbErr> {
    let (id, attempts) = (letter.id, letter.attempts + 1);
    let row = Entity::update_many().filter(Column::Id.eq(id));
    let connection = &*subscription.database;
    match subscription.handle(letter.into_event()).await {
        Ok(()) => {
            Entity::delete_by_id(id).exec(connection).await?;
        }
        Err(failure) => {
            let reason = error_chain(&failure);
            tracing::warn!(consumer = subscription.consumer, reason, "dead letter {id} failed again");
            row.col_expr(Column::Attempts, Expr::value(attempts))
                .col_expr(Column::Reason, Expr::value(reason))
                .col_expr(Column::RedriveTime, Expr::value(None::<i64>))
                .exec(connection)
                .await?;
        }
    }
    Ok(())
}

impl Model {
    fn into_event(self) -> Event {
        Event {
            service: self.service,
            id: self.event_id,
            kind: self.kind,
            resource: self.resource,
            version: self.version,
            occur_time: self.occur_time,
            traceparent: self.traceparent,
            payload: self.payload,
            publication: 0,
        }
    }
}
