//! Holds the outbox against the stream. An event counts as confirmed when the consumers of the suite have acknowledged it, which
//! they do after their effect is committed. What the stream lost before that is published again: a stream that was made anew, one
//! whose end is before the place that an event had, as after a power cut, or one that begins behind it, as after a purge. Consumers
//! know what they have seen before.
//!
//! Any number of reconcilers work side by side, since each of their statements can be repeated.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Func, Query, SimpleExpr};
use sea_orm::{DbErr, QuerySelect as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::micros;
use crate::meters::{self, OutboxStanding};
use crate::outbox::{Column, Entity};
use crate::rpc::error_chain;
use crate::{Database, EventBus, Failure, Timestamp, consumer, database, dead_letter, processed_event};

/// How often an outbox is held against the stream.
const INTERVAL: Duration = Duration::from_secs(5);
/// What was published this shortly ago is not judged: the stream may have taken it after it told how it stands. Above the time that
/// an answer of the stream may take.
const SETTLE: Duration = Duration::from_secs(10);
/// How long confirmed events are kept, for operators to have them published again: as long as the stream keeps them.
const KEEP: Duration = Duration::from_hours(45 * 24);
/// How long consumers remember what they have seen: longer than anything comes back.
const REMEMBER: Duration = Duration::from_hours(60 * 24);
/// How often what is old is removed.
const CLEAN_INTERVAL: Duration = Duration::from_hours(1);
/// How many rows one statement removes.
const CLEAN_BATCH: u64 = 1_000;

/// How a stream stands, as seen by a service that publishes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStanding {
    /// When the stream was made.
    pub stream_time: Timestamp,
    /// The place of the first event that it still has, or of the next one if it has none.
    pub first_sequence: i64,
    /// The place of its last event.
    pub last_sequence: i64,
    /// Up to where every consumer of the service's events has acknowledged; 0 as long as there is none.
    pub acknowledged: i64,
}

/// Reconciles until `stop`.
pub(crate) async fn run(
    database: &Database,
    bus: &EventBus,
    service: &'static str,
    stop: &CancellationToken,
) {
    let mut next_cleaning = Instant::now();
    while !stop.is_cancelled() {
        if let Err(error) = round(database, bus, service).await {
            tracing::warn!(service, error = error_chain(&error), "outbox is held against the stream later");
        }
        if Instant::now() >= next_cleaning {
            next_cleaning = Instant::now() + CLEAN_INTERVAL;
            if let Err(error) = clean(database).await {
                tracing::warn!(service, error = error_chain(&error), "old events are removed later");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn round(database: &Database, bus: &EventBus, service: &'static str) -> Result<(), Failure> {
    meters::outbox(service, standing(database).await?);
    meters::dead_letters(service, dead_letter::Entity::find().count(&**database).await?);
    // Within the process an event is confirmed when it is published.
    let EventBus::JetStream(jetstream) = bus else { return Ok(()) };
    let stream = jetstream.standing(service).await?;
    confirm(database, stream).await?;
    let lost = republish(database, stream).await?;
    if lost > 0 {
        tracing::warn!(service, lost, "the stream lost {lost} events, which are published again");
    }
    Ok(())
}

async fn confirm(database: &Database, stream: StreamStanding) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ConfirmTime, database::now(&**database))
        .filter(unconfirmed())
        .filter(Column::StreamTime.eq(stream.stream_time))
        .filter(Column::StreamSequence.lte(stream.acknowledged))
        .filter(start().gte(stream.first_sequence))
        .exec(&**database)
        .await?;
    Ok(())
}

async fn republish(database: &Database, stream: StreamStanding) -> Result<u64, DbErr> {
    let now = || database::now(&**database);
    let lost = Condition::any()
        .add(Column::StreamTime.is_null())
        .add(Column::StreamTime.ne(stream.stream_time))
        .add(Column::StreamSequence.gt(stream.last_sequence))
        .add(start().lt(stream.first_sequence));
    let lost = Entity::update_many()
        .col_expr(Column::PublishTime, Expr::value(None::<i64>))
        .col_expr(Column::AvailableTime, now())
        .col_expr(Column::Publication, Expr::col(Column::Publication).add(1))
        .filter(unconfirmed())
        .filter(Expr::col(Column::PublishTime).lte(now().sub(micros(SETTLE))))
        .filter(lost)
        .exec(&**database)
        .await?;
    if lost.rows_affected > 0 {
        database.events_recorded().notify_one();
    }
    Ok(lost.rows_affected)
}

/// From where on the stream must have everything to have an event.
fn start() -> SimpleExpr {
    Func::coalesce([Expr::col(Column::StreamStart), Expr::col(Column::StreamSequence)]).into()
}

fn unconfirmed() -> Condition {
    Condition::all().add(Column::PublishTime.is_not_null()).add(Column::ConfirmTime.is_null())
}

/// How the outbox stands now.
pub async fn standing(database: &Database) -> Result<OutboxStanding, DbErr> {
    let age = database::now(&**database).sub(Expr::col(Column::OccurTime).min());
    let waiting: Option<(i64, Option<i64>)> = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "waiting")
        .column_as(age, "age")
        .filter(Column::PublishTime.is_null())
        .into_tuple()
        .one(&**database)
        .await?;
    let unconfirmed = Entity::find().filter(unconfirmed()).count(&**database).await?;
    let (backlog, age) = waiting.unwrap_or_default();
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(OutboxStanding {
        backlog: whole(backlog),
        oldest_age: Duration::from_micros(whole(age.unwrap_or(0))),
        unconfirmed,
    })
}

/// Removes what nobody asks for any more, in small pieces, so that nobody waits for a lock.
async fn clean(database: &Database) -> Result<(), DbErr> {
    let connection = &**database;
    let before = |time: Duration| database::now(connection).sub(micros(time));
    loop {
        let old = Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(Expr::col(Column::ConfirmTime).lte(before(KEEP)))
            .limit(CLEAN_BATCH)
            .to_owned();
        let gone = Entity::delete_many().filter(Column::Id.in_subquery(old)).exec(connection).await?;
        if gone.rows_affected < CLEAN_BATCH {
            break;
        }
    }
    processed_event::Entity::delete_many()
        .filter(Expr::col(processed_event::Column::ProcessTime).lte(before(REMEMBER)))
        .exec(connection)
        .await?;
    consumer::Entity::delete_many()
        .filter(Expr::col(consumer::Column::UpdateTime).lte(before(REMEMBER)))
        .exec(connection)
        .await?;
    Ok(())
}

/// Has events published once more that match `which`, confirmed ones too. Returns how many.
pub async fn replay(database: &Database, which: Condition) -> Result<u64, DbErr> {
    let connection = &**database;
    let again = Entity::update_many()
        .col_expr(Column::PublishTime, Expr::value(None::<i64>))
        .col_expr(Column::ConfirmTime, Expr::value(None::<i64>))
        .col_expr(Column::AvailableTime, database::now(connection))
        .col_expr(Column::Publication, Expr::col(Column::Publication).add(1))
        .filter(Column::PublishTime.is_not_null())
        .filter(which)
        .exec(connection)
        .await?;
    Ok(again.rows_affected)
}
