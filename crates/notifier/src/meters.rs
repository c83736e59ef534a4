//! What is counted of mails, by OpenTelemetry. Nothing happens where no collector is set.
//!
//! | metric | unit | attributes |
//! |---|---|---|
//! | `usher.mail.waiting`: mails that wait to be sent, for the first time or again | `{mail}` | |
//! | `usher.mail.oldest_age`: for how long the oldest of them waits | `s` | |
//! | `usher.mail.attempts`: attempts to send a mail | `{attempt}` | `outcome`: `sent`, `deferred`, `failed`, `suppressed`, `skipped`, `stopped`, `put_back` |

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Gauge, Meter};
use opentelemetry::{KeyValue, global};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{DbErr, QuerySelect as _};
use tokio_util::sync::CancellationToken;
use usher_runtime::{Database, database};

use crate::entity::delivery::{Column, Entity, State};
use crate::mailer::Outcome;

/// How often it is looked what waits.
const INTERVAL: Duration = Duration::from_secs(5);

/// Made when first used, which is after telemetry was started.
static METERS: LazyLock<Meters> = LazyLock::new(|| Meters::new(&global::meter("usher")));

struct Meters {
    waiting: Gauge<u64>,
    oldest_age: Gauge<f64>,
    attempts: Counter<u64>,
}

impl Meters {
    fn new(meter: &Meter) -> Self {
        Self {
            waiting: meter.u64_gauge("usher.mail.waiting").with_unit("{mail}").build(),
            oldest_age: meter.f64_gauge("usher.mail.oldest_age").with_unit("s").build(),
            attempts: meter.u64_counter("usher.mail.attempts").with_unit("{attempt}").build(),
        }
    }
}

/// Counts an attempt.
pub(crate) fn attempt(outcome: &Outcome) {
    let outcome = match outcome {
        Outcome::Sent => "sent",
        Outcome::Deferred(_) => "deferred",
        Outcome::Failed(_) | Outcome::NoSuchMailbox(_) => "failed",
        Outcome::Suppressed(_) => "suppressed",
        Outcome::Skipped(_) => "skipped",
        Outcome::Stopped(_) => "stopped",
        Outcome::NotItsTurn(_) => "put_back",
    };
    METERS.attempts.add(1, &[KeyValue::new("outcome", outcome)]);
}

/// Tells what waits until `stop`.
pub(crate) async fn run(database: Database, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = tell(&database).await {
            tracing::debug!(%error, "it is not known how many mails wait");
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn tell(database: &Database) -> Result<(), DbErr> {
    let age = database::now(&**database).sub(Expr::col(Column::CreateTime).min());
    let waiting: Option<(i64, Option<i64>)> = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "waiting")
        .column_as(age, "age")
        .filter(Column::State.is_in([State::Queued, State::Sending, State::Deferred]))
        .into_tuple()
        .one(&**database)
        .await?;
    let (waiting, age) = waiting.unwrap_or_default();
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    METERS.waiting.record(whole(waiting), &[]);
    METERS.oldest_age.record(Duration::from_micros(whole(age.unwrap_or(0))).as_secs_f64(), &[]);
    Ok(())
}
