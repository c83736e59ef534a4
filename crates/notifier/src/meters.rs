//! What is counted of mails and webhooks, by OpenTelemetry. Nothing happens where no collector is set.
//!
//! | metric | unit | attributes |
//! |---|---|---|
//! | `usher.mail.waiting`: mails that wait to be sent, for the first time or again | `{mail}` | |
//! | `usher.mail.oldest_age`: for how long the oldest of them waits | `s` | |
//! | `usher.mail.attempts`: attempts to send a mail | `{attempt}` | `outcome`: `sent`, `deferred`, `failed`, `suppressed`, `skipped`, `stopped`, `put_back` |
//! | `usher.webhook.waiting`: deliveries to webhooks that wait to be posted, for the first time or again | `{delivery}` | |
//! | `usher.webhook.oldest_age`: for how long the oldest of them waits | `s` | |
//! | `usher.webhook.attempts`: attempts to post a delivery | `{attempt}` | `outcome`: `succeeded`, `deferred`, `failed`, `skipped`, `put_back` |
//!
//! A mail or a delivery that is `failed` was given up.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Gauge, Meter};
use opentelemetry::{KeyValue, global};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{DbErr, QuerySelect as _, Select};
use tokio_util::sync::CancellationToken;
use usher_runtime::{Database, database};

use crate::entity::{delivery, webhook_delivery};
use crate::mailer::Outcome;

/// How often it is looked what waits.
const INTERVAL: Duration = Duration::from_secs(5);

/// Made when first used, which is after telemetry was started.
static METERS: LazyLock<Meters> = LazyLock::new(|| Meters::new(&global::meter("usher")));

struct Meters {
    mails: Queue,
    webhooks: Queue,
}

/// What is counted of things that wait to be sent.
struct Queue {
    waiting: Gauge<u64>,
    oldest_age: Gauge<f64>,
    attempts: Counter<u64>,
}

impl Meters {
    fn new(meter: &Meter) -> Self {
        Self {
            mails: Queue::new(meter, "usher.mail", "{mail}"),
            webhooks: Queue::new(meter, "usher.webhook", "{delivery}"),
        }
    }
}

impl Queue {
    fn new(meter: &Meter, name: &str, unit: &'static str) -> Self {
        Self {
            waiting: meter.u64_gauge(format!("{name}.waiting")).with_unit(unit).build(),
            oldest_age: meter.f64_gauge(format!("{name}.oldest_age")).with_unit("s").build(),
            attempts: meter.u64_counter(format!("{name}.attempts")).with_unit("{attempt}").build(),
        }
    }

    fn count(&self, outcome: &'static str) {
        self.attempts.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Tells how many rows of `open` wait, and since the first `create_time` of them.
    async fn tell<E: EntityTrait>(
        &self,
        database: &Database,
        open: Select<E>,
        create_time: E::Column,
    ) -> Result<(), DbErr> {
        let age = database::now(&**database).sub(Expr::col(create_time).min());
        let waiting: Option<(i64, Option<i64>)> = open
            .select_only()
            .column_as(create_time.count(), "waiting")
            .column_as(age, "age")
            .into_tuple()
            .one(&**database)
            .await?;
        let (waiting, age) = waiting.unwrap_or_default();
        let whole = |number: i64| u64::try_from(number).unwrap_or(0);
        self.waiting.record(whole(waiting), &[]);
        self.oldest_age.record(Duration::from_micros(whole(age.unwrap_or(0))).as_secs_f64(), &[]);
        Ok(())
    }
}

/// Counts an attempt to send a mail.
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
    METERS.mails.count(outcome);
}

/// Counts an attempt to post a delivery to a webhook, which left it in `state`.
pub(crate) fn post(state: webhook_delivery::State) {
    use webhook_delivery::State;
    let outcome = match state {
        State::Succeeded => "succeeded",
        State::Deferred => "deferred",
        State::Failed => "failed",
        State::Skipped => "skipped",
        State::Queued | State::Sending => "put_back",
    };
    METERS.webhooks.count(outcome);
}

/// Tells what waits until `stop`.
pub(crate) async fn run(database: Database, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = tell(&database).await {
            tracing::debug!(%error, "it is not known how many mails and webhooks wait");
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn tell(database: &Database) -> Result<(), DbErr> {
    use delivery::State;
    let open = [State::Queued, State::Sending, State::Deferred];
    let mails = delivery::Entity::find().filter(delivery::Column::State.is_in(open));
    METERS.mails.tell(database, mails, delivery::Column::CreateTime).await?;
    let open = webhook_delivery::Column::State.is_in(webhook_delivery::State::OPEN);
    let deliveries = webhook_delivery::Entity::find().filter(open);
    METERS.webhooks.tell(database, deliveries, webhook_delivery::Column::CreateTime).await
}
