//! Carries events from a service's outbox to the event bus.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use sea_orm::{ConnectionTrait, DbErr, QuerySelect as _};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::clock::micros;
use crate::outbox::{Column, Entity, Model};
use crate::telemetry::follow;
use crate::{Database, Event, EventBus, database};

/// How long a relay has for a row before another may take it. Longer than the bus waits for an acknowledgement.
const LEASE: Duration = Duration::from_secs(30);
/// How many rows a relay takes at a time.
const BATCH: u64 = 100;
/// How often the relay looks without having been woken: for rows of a process that died, and for leases that ended.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait before a row that could not be published is tried again.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// Publishes what `database` holds until `stop`. Any number of relays work side by side; each row is published at least
/// once, and in the order of the changes unless something fails.
pub async fn run(database: Database, bus: EventBus, service: &'static str, stop: CancellationToken) {
    let recorded = database.events_recorded();
    while !stop.is_cancelled() {
        match publish_batch(&database, &bus, service).await {
            Ok(taken) if taken == BATCH => {}
            Ok(_) => wait(&recorded, &stop).await,
            Err(error) => {
                tracing::warn!(service, %error, "relay cannot read the outbox");
                wait(&recorded, &stop).await;
            }
        }
    }
}

async fn wait(recorded: &tokio::sync::Notify, stop: &CancellationToken) {
    tokio::select! {
        () = recorded.notified() => {}
        () = tokio::time::sleep(POLL_INTERVAL) => {}
        () = stop.cancelled() => {}
    }
}

/// Takes rows, publishes them and marks what the bus confirmed. Returns how many were taken.
async fn publish_batch(database: &Database, bus: &EventBus, service: &'static str) -> Result<u64, DbErr> {
    let rows = claim(database).await?;
    let taken = rows.len() as u64;
    let mut published = Vec::new();
    for row in rows {
        let (id, attempts) = (row.id, row.attempts);
        let span =
            tracing::info_span!("outbox.publish", otel.kind = "producer", event_id = %id, kind = row.kind);
        follow(&span, &row.traceparent);
        match bus.publish(Event::new(service, row)).instrument(span).await {
            Ok(()) => published.push(id),
            Err(error) => {
                tracing::warn!(event_id = %id, attempts, %error, "event {id} waits: it cannot be published");
                put_off(database, id, attempts).await?;
            }
        }
    }
    mark(database, published).await?;
    Ok(taken)
}

/// Takes up to [`BATCH`] rows that are due. A row that two relays see at once goes to one: the second finds
/// `available_time` moved when it gets the row's lock.
async fn claim(database: &Database) -> Result<Vec<Model>, DbErr> {
    let now = || database::now(&**database);
    let due = Column::PublishTime.is_null().and(Expr::col(Column::AvailableTime).lte(now()));
    let candidates = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(due.clone())
        .order_by(Column::OccurTime, sea_orm::Order::Asc)
        .order_by(Column::Id, sea_orm::Order::Asc)
        .limit(BATCH)
        .to_owned();
    let mut rows = Entity::update_many()
        .col_expr(Column::AvailableTime, now().add(micros(LEASE)))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.in_subquery(candidates))
        .filter(due)
        .exec_with_returning(&**database)
        .await?;
    rows.sort_by_key(|row| (row.occur_time, row.id));
    Ok(rows)
}

async fn mark(database: &Database, ids: Vec<Uuid>) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::PublishTime, database::now(&**database))
        .filter(Column::Id.is_in(ids))
        .exec(&**database)
        .await?;
    Ok(())
}

/// Makes a row wait: twice as long after every failure.
async fn put_off(database: &Database, id: Uuid, attempts: i32) -> Result<(), DbErr> {
    let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(0);
    let delay = Duration::from_millis(500).saturating_mul(1 << doublings).min(LONGEST_DELAY);
    Entity::update_many()
        .col_expr(Column::AvailableTime, database::now(&**database).add(micros(delay)))
        .filter(Column::Id.eq(id))
        .exec(&**database)
        .await?;
    Ok(())
}

/// How many events wait to be published.
pub async fn backlog(connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let count = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "waiting")
        .filter(Column::PublishTime.is_null());
    let waiting: Option<i64> = count.into_tuple().one(connection).await?;
    Ok(waiting.and_then(|waiting| u64::try_from(waiting).ok()).unwrap_or(0))
}
