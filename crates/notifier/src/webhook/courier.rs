//! Deliveries are taken, posted, and what became of them is written down.
//!
//! A courier takes a delivery by setting it to SENDING with a lease. If it dies, another takes the delivery when the lease has ended.
//! Each webhook has so many at a time, so that a slow endpoint holds up neither others nor the mails.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Query};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use usher_runtime::clock::micros;
use usher_runtime::rpc::error_chain;
use usher_runtime::telemetry::follow;
use usher_runtime::{Change, Failure, Random, database, queue};

use super::post::{Outcome, attempt};
use super::{Fact, tell};
use crate::Notifier;
use crate::entity::webhook::{self, DisableReason};
use crate::entity::webhook_delivery::{Column, Entity, Model, State};
use crate::meters;
use crate::places::Permit;

/// How long a courier that died keeps others from its deliveries. Above all that an attempt may take.
const LEASE: Duration = Duration::from_secs(45);
/// How often it is looked for attempts that are due and leases that ended, without having been woken.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long what cannot be judged waits.
const PUT_BACK: Duration = Duration::from_secs(5);
/// How often what ended long ago is removed, and how much at a time.
const CLEAN_INTERVAL: Duration = Duration::from_hours(1);
const CLEAN_BATCH: u64 = 1_000;
/// The waits between attempts, as Standard Webhooks proposes. After the last attempt there is none.
const SCHEDULE: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// Posts until `stop`, and then waits for what is under way. Any number of couriers work side by side.
pub(crate) async fn run(service: Notifier, stop: CancellationToken) {
    let posts = TaskTracker::new();
    let most = service.config.webhooks.concurrent_deliveries as usize;
    let mut next_cleaning = Instant::now();
    while !stop.is_cancelled() {
        let free = most.saturating_sub(posts.len());
        let taken = claim(&service, free).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "courier cannot read the deliveries");
            Vec::new()
        });
        for (row, permit) in taken {
            let service = service.clone();
            let span = tracing::info_span!("webhook.post", otel.kind = "client", delivery = %row.id);
            follow(&span, &row.traceparent);
            let posting = async move {
                deliver(&service, &row).await;
                drop(permit);
                service.webhooks.wake.notify_one();
            };
            posts.spawn(posting.instrument(span));
        }
        if Instant::now() >= next_cleaning {
            next_cleaning = Instant::now() + CLEAN_INTERVAL;
            if let Err(error) = clean(&service).await {
                tracing::warn!(%error, "old deliveries are removed later");
            }
        }
        tokio::select! {
            () = service.webhooks.wake.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
    posts.close();
    posts.wait().await;
}

/// Takes up to `most` deliveries that are due, of each webhook as many as may go to it. One that two couriers see goes to one of them.
async fn claim(service: &Notifier, most: usize) -> Result<Vec<(Model, Permit)>, DbErr> {
    let mut taken = Vec::new();
    if most == 0 {
        return Ok(taken);
    }
    let places = &service.webhooks.places;
    let crowded = places.crowded().into_iter().filter_map(|id| Uuid::from_slice(&id).ok());
    let waiting: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::WebhookId)
        .filter(due(&*service.database))
        .filter(Column::WebhookId.is_not_in(crowded))
        .group_by(Column::WebhookId)
        .order_by_asc(Column::AvailableTime.min())
        .limit(most as u64)
        .into_tuple()
        .all(&*service.database)
        .await?;
    for webhook in waiting {
        let free = (places.free(webhook.as_bytes()) as usize).min(most - taken.len());
        for row in claim_of(service, webhook, free).await? {
            taken.extend(places.enter(webhook.as_bytes()).map(|permit| (row, permit)));
        }
    }
    Ok(taken)
}

/// Takes up to `most` of the deliveries to one webhook, those of what happened first.
async fn claim_of(service: &Notifier, webhook: Uuid, most: usize) -> Result<Vec<Model>, DbErr> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let connection = &*service.database;
    let due = due(connection).add(Column::WebhookId.eq(webhook));
    let oldest = Entity::find().filter(due.clone()).order_by_asc(Column::Id).limit(most as u64);
    let change = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Sending))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::AvailableTime, database::now(connection).add(micros(LEASE)))
        .filter(due);
    let mut rows = queue::take(connection, Column::Id, oldest, change).await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

fn due(connection: &impl ConnectionTrait) -> Condition {
    Condition::all()
        .add(Column::State.is_in(State::OPEN))
        .add(Expr::col(Column::AvailableTime).lte(database::now(connection)))
}

/// Makes an attempt and writes down what became of it. What cannot be written down is tried again when the lease has ended.
async fn deliver(service: &Notifier, row: &Model) {
    let outcome = attempt(service, row).await;
    if let Err(error) = record(service, row, &outcome).await {
        let error = error_chain(&error);
        tracing::warn!(delivery = %row.id, error, "what became of delivery {} is not recorded", row.id);
    }
}

/// Whether the delivery is still at the attempt that this courier took it for.
fn held(row: &Model) -> Condition {
    Condition::all()
        .add(Column::Id.eq(row.id))
        .add(Column::State.eq(State::Sending))
        .add(Column::Attempts.eq(row.attempts))
}

async fn record(service: &Notifier, row: &Model, outcome: &Outcome) -> Result<(), Failure> {
    let change = service.database.change().await?;
    // Held first, in the order in which a deletion takes them.
    let webhook = webhook::Entity::find_by_id(row.webhook_id).lock_exclusive().one(&*change).await?;
    let Some(webhook) = webhook else {
        Entity::delete_by_id(row.id).exec(&*change).await?;
        return Ok(change.commit().await?);
    };
    let Some(ending) = Ending::of(row, outcome, &service.random) else { return Ok(()) };
    let ended = ending.state != State::Deferred && ending.state != State::Queued;
    let end_time = ended.then(|| service.clock.now());
    let updated = Entity::update_many()
        .col_expr(Column::State, Expr::value(ending.state))
        .col_expr(Column::Attempts, Expr::value(ending.attempts))
        .col_expr(Column::LastResponseCode, Expr::value(i32::from(ending.code)))
        .col_expr(Column::LastError, Expr::value(ending.why.as_str()))
        .col_expr(Column::EndTime, Expr::value(end_time))
        .col_expr(Column::AvailableTime, database::now(&*change).add(micros(ending.wait)))
        .filter(held(row))
        .exec(&*change)
        .await?;
    if updated.rows_affected == 0 {
        return Ok(());
    }
    draw_conclusions(service, &change, webhook, outcome).await?;
    change.commit().await?;
    meters::post(ending.state);
    let (id, state, error) = (row.id, ending.state, ending.why);
    tracing::info!(delivery = %id, ?state, code = ending.code, error, "webhook delivery {id} is {state:?}");
    Ok(())
}

/// How an attempt leaves the delivery.
struct Ending {
    state: State,
    /// Those that count: what nobody was told does not.
    attempts: i32,
    code: u16,
    why: String,
    wait: Duration,
}

impl Ending {
    /// `None` if there is no delivery any more.
    fn of(row: &Model, outcome: &Outcome, random: &Random) -> Option<Self> {
        let before = row.attempts - 1;
        let ending = |state, attempts, code, why: &str| {
            Some(Self { state, attempts, code, why: why.to_owned(), wait: Duration::ZERO })
        };
        let last_code = u16::try_from(row.last_response_code).unwrap_or_default();
        match outcome {
            Outcome::Succeeded(code) => ending(State::Succeeded, row.attempts, *code, ""),
            Outcome::Gone(code) => ending(State::Failed, row.attempts, *code, "the endpoint is gone"),
            Outcome::Skipped(why) => ending(State::Skipped, before, last_code, why),
            Outcome::PutBack(why) => {
                // It is at its first attempt if it never waited for another.
                let state = if before == 0 { State::Queued } else { State::Deferred };
                Some(Self { wait: PUT_BACK, ..ending(state, before, last_code, why)? })
            }
            Outcome::Failed(code, why) => match wait(row.attempts, random) {
                Some(wait) => Some(Self { wait, ..ending(State::Deferred, row.attempts, *code, why)? }),
                None => ending(State::Failed, row.attempts, *code, why),
            },
            Outcome::Orphaned => None,
        }
    }
}

/// What an attempt tells about the endpoint.
async fn draw_conclusions(
    service: &Notifier,
    change: &Change,
    webhook: webhook::Model,
    outcome: &Outcome,
) -> Result<(), DbErr> {
    match outcome {
        Outcome::Succeeded(_) if webhook.failing_since.is_some() => {
            let row = webhook::Entity::update_many().filter(webhook::Column::Id.eq(webhook.id));
            row.col_expr(webhook::Column::FailingSince, Expr::value(None::<i64>)).exec(&**change).await?;
            Ok(())
        }
        Outcome::Gone(_) => disable(service, change, webhook, DisableReason::Gone).await,
        Outcome::Failed(..) => {
            let now = service.clock.now();
            let since = webhook.failing_since.unwrap_or(now);
            if since.after(service.config.webhooks.disable_after) <= now {
                return disable(service, change, webhook, DisableReason::Failing).await;
            }
            let row = webhook::Entity::update_many().filter(webhook::Column::Id.eq(webhook.id));
            row.col_expr(webhook::Column::FailingSince, Expr::value(since)).exec(&**change).await?;
            Ok(())
        }
        Outcome::Succeeded(_) | Outcome::Skipped(_) | Outcome::PutBack(_) | Outcome::Orphaned => Ok(()),
    }
}

/// Ends what the webhook is told, unless somebody did.
async fn disable(
    service: &Notifier,
    change: &Change,
    webhook: webhook::Model,
    reason: DisableReason,
) -> Result<(), DbErr> {
    if webhook.disable_reason.is_some() {
        return Ok(());
    }
    let row = webhook::Model {
        disable_reason: Some(reason),
        version: webhook.version + 1,
        update_time: service.clock.now(),
        ..webhook
    };
    webhook::Entity::update(webhook::ActiveModel::from(row.clone()).reset_all()).exec(&**change).await?;
    tell(service, change, &row, Fact::Disabled).await?;
    tracing::warn!(webhook = %row.name(), ?reason, "webhook {} is disabled: {reason:?}", row.id);
    Ok(())
}

/// How long to wait after the attempt of this number, counted from 1, and up to a tenth more: what failed together does not come back
/// together. `None` after the last.
fn wait(attempts: i32, random: &Random) -> Option<Duration> {
    let wait = SCHEDULE.get(usize::try_from(attempts - 1).ok()?)?;
    let [part] = random.bytes::<1>();
    Some(*wait + wait.mul_f64(f64::from(part) / 2_560.0))
}

/// Removes what ended long ago, in small pieces, so that nobody waits for a lock.
async fn clean(service: &Notifier) -> Result<(), DbErr> {
    let connection = &*service.database;
    let before = database::now(connection).sub(micros(service.config.webhooks.keep_deliveries));
    loop {
        let old = Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(Expr::col(Column::EndTime).lte(before.clone()))
            .limit(CLEAN_BATCH)
            .to_owned();
        let gone = Entity::delete_many().filter(Column::Id.in_subquery(old)).exec(connection).await?;
        if gone.rows_affected < CLEAN_BATCH {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_ten_times_within_about_three_days() {
        let random = Random::told_by(|bytes| bytes.fill(0));
        let waits: Vec<_> = (1..10).map(|attempts| wait(attempts, &random).unwrap()).collect();
        assert_eq!((waits[0], waits[8]), (Duration::from_secs(5), Duration::from_hours(24)));
        assert_eq!(wait(10, &random), None);
        assert_eq!(wait(11, &random), None, "what somebody has tried again");
        let total: Duration = waits.iter().sum();
        assert!(total > Duration::from_hours(72) && total < Duration::from_hours(96), "{total:?}");
    }

    #[test]
    fn waits_up_to_a_tenth_longer() {
        let random = Random::told_by(|bytes| bytes.fill(255));
        let longer = wait(4, &random).unwrap();
        assert!(longer > Duration::from_mins(131) && longer < Duration::from_mins(132), "{longer:?}");
    }
}
