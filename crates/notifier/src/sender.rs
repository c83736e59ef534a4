//! Deliveries become mails.
//!
//! A sender takes a delivery by setting it to SENDING with a lease, and commits that before it says a word to the mail server.
//! If it dies, another takes the delivery when the lease has ended: a mail whose last word was lost is sent once more with the
//! same Message-ID, and none is forgotten. A mail is tried as long as somebody needs it: as its invitation can be accepted, or its link works.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Query};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use usher_api::notifier::DeliveryEvent;
use usher_runtime::clock::micros;
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::rpc::error_chain;
use usher_runtime::telemetry::follow;
use usher_runtime::{Change, EmailAddress, Failure, Timestamp, database};

use crate::compose::{Letter, compose};
use crate::entity::delivery::{Column, Entity, Model, State};
use crate::lease::Lease;
use crate::mailer::Outcome;
use crate::{Notifier, dead_letter, meters, suppression};

/// How often a lease is renewed while it lasts.
const RENEWALS: u32 = 4;
/// How often the sender looks without having been woken: for attempts that are due, and for leases that ended.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is tried to write down what became of a mail.
const RECORD_INTERVAL: Duration = Duration::from_secs(2);
/// The waits between attempts, in multiples of the first; the last one repeats.
const SCHEDULE: [u32; 5] = [1, 2, 5, 15, 30];

/// Sends until `stop`, and then waits for the mails that are under way. Any number of senders work side by side.
pub(crate) async fn run(service: Notifier, stop: CancellationToken) {
    // Each mail is sent in a task of its own: a slow one holds up no other, and stopping breaks off neither a conversation
    // nor a transaction in its middle.
    let mails = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(service.config.concurrent_mails as usize));
    while !stop.is_cancelled() {
        let asked = Instant::now();
        let allowed = service.line.allow(slots.available_permits(), Instant::now());
        let rows = claim(&service, allowed).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "sender cannot read the deliveries");
            Vec::new()
        });
        service.line.begin(rows.len());
        for row in rows {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let (service, stop) = (service.clone(), stop.clone());
            let lease = Lease::new(asked, service.config.lease);
            let span = tracing::info_span!("mail.send", otel.kind = "client", delivery = %row.id);
            follow(&span, &row.traceparent);
            let sending = async move {
                send(&service, row, lease, &stop).await;
                drop(slot);
                service.wake.notify_one();
            };
            mails.spawn(sending.instrument(span));
        }
        service.mailer.tidy();
        tokio::select! {
            () = service.wake.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
    mails.close();
    mails.wait().await;
}

/// Takes up to `most` deliveries that are due. One that two senders see goes to one of them.
async fn claim(service: &Notifier, most: usize) -> Result<Vec<Model>, DbErr> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let connection = &*service.database;
    let unfinished = [State::Queued, State::Sending, State::Deferred];
    let crowded = service.domains.crowded();
    let elsewhere =
        Condition::any().add(Column::DomainKey.is_null()).add(Column::DomainKey.is_not_in(crowded));
    let due = Condition::all()
        .add(Column::State.is_in(unfinished))
        .add(elsewhere)
        .add(Expr::col(Column::AvailableTime).lte(database::now(connection)));
    let oldest = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(due.clone())
        .order_by(Column::AvailableTime, sea_orm::Order::Asc)
        .limit(most as u64)
        .to_owned();
    Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Sending))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::AvailableTime, database::now(connection).add(micros(service.config.lease)))
        .filter(Column::Id.in_subquery(oldest))
        .filter(due)
        .exec_with_returning(connection)
        .await
}

/// Sends one mail and writes down what became of it.
async fn send(service: &Notifier, row: Model, lease: Lease, stop: &CancellationToken) {
    let done = CancellationToken::new();
    let _ends = done.clone().drop_guard();
    tokio::spawn(hold(service.clone(), row.clone(), lease.clone(), done));
    let attempt = attempt(service, &row, &lease).await;
    meters::attempt(&attempt.outcome);
    let pause = hear(service, &attempt);
    // Whoever forgets what became of a mail sends it again.
    while let Err(error) = record(service, &row, &attempt, pause).await {
        let error = error_chain(&error);
        tracing::warn!(delivery = %row.id, error, "what became of delivery {} is not recorded", row.id);
        if stop.is_cancelled() {
            return;
        }
        tokio::time::sleep(RECORD_INTERVAL).await;
    }
}

/// What an attempt tells about the mails behind it, and how long they stop.
fn hear(service: &Notifier, attempt: &Attempt) -> Duration {
    match &attempt.outcome {
        Outcome::Stopped(why) => return service.line.stop(why, Instant::now()),
        Outcome::Sent | Outcome::NoSuchMailbox(_) => service.line.open(),
        Outcome::Deferred(_) | Outcome::Failed(_) if attempt.recipient.is_some() => service.line.open(),
        // Nobody spoke with the server.
        _ => service.line.leave(),
    }
    Duration::ZERO
}

/// Renews the lease until `done`: a mail server may take its time.
async fn hold(service: Notifier, row: Model, lease: Lease, done: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(lease.length() / RENEWALS) => {}
            () = done.cancelled() => return,
        }
        let asked = Instant::now();
        let lease_end = database::now(&*service.database).add(micros(lease.length()));
        let renewal = Entity::update_many()
            .col_expr(Column::AvailableTime, lease_end)
            .filter(held(&row))
            .exec(&*service.database)
            .await;
        match renewal {
            Ok(renewed) if renewed.rows_affected == 0 => return lease.lose(),
            Ok(_) => lease.renew(asked),
            Err(error) => {
                tracing::warn!(delivery = %row.id, %error, "the lease of delivery {} is not renewed", row.id);
            }
        }
    }
}

/// Whether the delivery is still at the attempt that this sender took it for.
fn held(row: &Model) -> Condition {
    Condition::all()
        .add(Column::Id.eq(row.id))
        .add(Column::State.eq(State::Sending))
        .add(Column::Attempts.eq(row.attempts))
}

/// What became of an attempt, and whom the letter was for if it came to that.
struct Attempt {
    outcome: Outcome,
    recipient: Option<EmailAddress>,
}

/// Writes the mail and hands it over.
async fn attempt(service: &Notifier, row: &Model, lease: &Lease) -> Attempt {
    let Letter { recipient, message } = match compose(service, row).await {
        Ok(letter) => letter,
        Err(outcome) => return Attempt { outcome, recipient: None },
    };
    let domain = service.sealing.fingerprint("recipient domain", &[recipient.domain().as_bytes()]);
    let Some(_permit) = service.domains.enter(&domain) else {
        return Attempt { outcome: Outcome::Crowded(domain), recipient: None };
    };
    let outcome = match suppression::of(service, &recipient).await {
        Ok(None) => service.mailer.send(&message, row, lease).await,
        Ok(Some(suppression)) => {
            Outcome::Suppressed(format!("the address is suppressed: {}", suppression.name()))
        }
        Err(error) => Outcome::Deferred(format!("the suppressions cannot be read: {error}")),
    };
    Attempt { outcome, recipient: Some(recipient) }
}

/// Writes down what became of the mail and tells it, unless another sender has taken over.
async fn record(service: &Notifier, row: &Model, attempt: &Attempt, pause: Duration) -> Result<(), Failure> {
    let (state, error) = match &attempt.outcome {
        Outcome::Stopped(why) => return put_back(service, row, why, None, pause).await,
        Outcome::Crowded(domain) => {
            return put_back(service, row, &row.last_error, Some(domain.clone()), pause).await;
        }
        Outcome::Sent => (State::Sent, ""),
        Outcome::Skipped(why) => (State::Skipped, why.as_str()),
        Outcome::Suppressed(why) => (State::Suppressed, why.as_str()),
        Outcome::Failed(why) | Outcome::NoSuchMailbox(why) => (State::Failed, why.as_str()),
        Outcome::Deferred(why) => (State::Deferred, why.as_str()),
    };
    let now = service.clock.now();
    let send_time = (state == State::Sent).then_some(now);
    let change = service.database.change().await?;
    let updated = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::SendTime, Expr::value(send_time))
        .col_expr(
            Column::AvailableTime,
            database::now(&*change).add(micros(wait(service.config.retry_delay, row.attempts))),
        )
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(held(row))
        .exec_with_returning(&*change)
        .await?;
    let Some(row) = updated.first() else { return Ok(()) };
    if let (Outcome::NoSuchMailbox(_), Some(recipient)) = (&attempt.outcome, &attempt.recipient) {
        suppression::note_unknown_mailbox(service, &change, recipient, row.id).await?;
    }
    if state == State::Failed {
        dead_letter::bury(service, &change, row).await?;
    }
    tell(service, &change, row, now).await?;
    change.commit().await?;
    tracing::info!(delivery = %row.id, ?state, error, attempts = row.attempts, "delivery {} is {state:?}", row.id);
    Ok(())
}

/// Lets a delivery wait as if nobody had taken it: what stands in its way has nothing to do with it.
async fn put_back(
    service: &Notifier,
    row: &Model,
    why: &str,
    domain_key: Option<Vec<u8>>,
    pause: Duration,
) -> Result<(), Failure> {
    let connection = &*service.database;
    // It is at its first attempt if it never waited for another.
    let state = if row.attempts == 1 { State::Queued } else { State::Deferred };
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))
        .col_expr(Column::LastError, Expr::value(why))
        .col_expr(Column::DomainKey, Expr::value(domain_key.or_else(|| row.domain_key.clone())))
        .col_expr(Column::AvailableTime, database::now(connection).add(micros(pause)))
        .filter(held(row))
        .exec(connection)
        .await?;
    Ok(())
}

async fn tell(service: &Notifier, change: &Change, row: &Model, now: Timestamp) -> Result<(), Failure> {
    let kind = match row.state {
        State::Sent => "delivery.sent",
        State::Deferred => "delivery.deferred",
        State::Failed => "delivery.failed",
        State::Skipped => "delivery.skipped",
        State::Suppressed => "delivery.suppressed",
        State::Queued | State::Sending => return Ok(()),
    };
    let message = DeliveryEvent {
        delivery: row.name().to_string(),
        invitation: row.invitation.clone(),
        mail: row.mail.clone(),
        kind: row.kind.to_proto().into(),
        version: row.version,
        state: usher_api::notifier::DeliveryState::from(row.state).into(),
        occur_time: Some(now.into()),
    };
    let event = NewEvent {
        id: service.random.uuid(now),
        kind,
        resource: row.name().to_string(),
        version: row.version,
        occur_time: now,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// How long to wait after the attempt of this number, counted from 1.
fn wait(first: Duration, attempts: i32) -> Duration {
    let index = usize::try_from(attempts - 1).unwrap_or(0).min(SCHEDULE.len() - 1);
    first.saturating_mul(SCHEDULE[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_and_longer_up_to_half_an_hour() {
        let waits: Vec<_> =
            (1..8).map(|attempts| wait(Duration::from_mins(1), attempts).as_secs() / 60).collect();
        assert_eq!(waits, [1, 2, 5, 15, 30, 30, 30]);
    }
}
