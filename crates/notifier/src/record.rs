//! What became of attempts is written down, and told in the same transaction. Until then the mail server may have taken a mail
//! that nobody here knows of, so whoever dies sends it once more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use tokio::sync::oneshot;
use usher_api::notifier::DeliveryEvent;
use usher_runtime::clock::micros;
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::{Change, EmailAddress, Failure, Timestamp, database};

use crate::entity::delivery::{Column, Entity, Model, State};
use crate::mailer::Outcome;
use crate::taken::{put_back, still_taken};
use crate::{Notifier, dead_letter, suppression};

/// The waits between attempts, in multiples of the first; the last one repeats.
const SCHEDULE: [u32; 5] = [1, 2, 5, 15, 30];

/// What became of an attempt, and whom the letter was for if it came to that.
pub(crate) struct Attempt {
    pub(crate) outcome: Outcome,
    pub(crate) recipient: Option<EmailAddress>,
}

/// Mails that were sent and wait to be written down. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct SentMails {
    waiting: Arc<Mutex<Vec<SentMail>>>,
    /// Held by whoever writes.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A mail that was sent, and who waits until that is written down.
type SentMail = (Model, oneshot::Sender<Written>);

/// Of mails that were written down together, each is told the same.
type Written = Result<(), Arc<Failure>>;

impl SentMails {
    /// Writes down that a mail was sent. Those that wait while others are written share one transaction, which takes hardly longer
    /// than that of one.
    async fn record(&self, service: &Notifier, row: &Model) -> Written {
        let (tell, told) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((row.clone(), tell));
        let turn = self.turn.lock().await;
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if !waiting.is_empty() {
            let (rows, tells): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let written = record_sent(service, &rows).await.map_err(Arc::new);
            for tell in tells {
                // Whoever does not listen any more has been stopped, and needs no answer.
                let _ = tell.send(written.clone());
            }
        }
        drop(turn);
        told.await.unwrap_or_else(|error| Err(Arc::new(Failure::internal(error))))
    }
}

/// Writes down what became of the mail and tells it, unless another sender has taken over. What the line of mails is stopped by makes
/// it wait for `pause`.
///
/// # Errors
/// Nothing is written then.
pub(crate) async fn record(service: &Notifier, row: &Model, attempt: &Attempt, pause: Duration) -> Written {
    let (state, error) = match &attempt.outcome {
        Outcome::Sent => return service.sent.record(service, row).await,
        Outcome::Stopped(why) => {
            return put_back(service, row, why, None, pause).await.map_err(|it| Arc::new(it.into()));
        }
        Outcome::NotItsTurn(domain) => {
            let put_back = put_back(service, row, &row.last_error, domain.clone(), Duration::ZERO).await;
            return put_back.map_err(|error| Arc::new(error.into()));
        }
        Outcome::Skipped(why) => (State::Skipped, why.as_str()),
        Outcome::Suppressed(why) => (State::Suppressed, why.as_str()),
        Outcome::Failed(why) | Outcome::NoSuchMailbox(why) => (State::Failed, why.as_str()),
        Outcome::Deferred(why) => (State::Deferred, why.as_str()),
    };
    record_unsent(service, row, attempt, state, error).await.map_err(Arc::new)
}

async fn record_sent(service: &Notifier, rows: &[Model]) -> Result<(), Failure> {
    let now = service.clock.now();
    let change = service.database.change().await?;
    let taken = rows.iter().fold(Condition::any(), |any, row| any.add(still_taken(row)));
    let sent = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Sent))
        .col_expr(Column::LastError, Expr::value(""))
        .col_expr(Column::SendTime, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(taken)
        .exec_with_returning(&*change)
        .await?;
    tell(service, &change, &sent, "delivery.sent", now).await?;
    change.commit().await?;
    for Model { id, attempts, .. } in &sent {
        tracing::info!(delivery = %id, attempts, "delivery {id} is sent");
    }
    Ok(())
}

async fn record_unsent(
    service: &Notifier,
    row: &Model,
    attempt: &Attempt,
    state: State,
    error: &str,
) -> Result<(), Failure> {
    let now = service.clock.now();
    let change = service.database.change().await?;
    let next = database::now(&*change).add(micros(wait(service.config.retry_delay, row.attempts)));
    let updated = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::AvailableTime, next)
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(still_taken(row))
        .exec_with_returning(&*change)
        .await?;
    let Some(row) = updated.first() else { return Ok(()) };
    if let (Outcome::NoSuchMailbox(_), Some(recipient)) = (&attempt.outcome, &attempt.recipient) {
        suppression::note_unknown_mailbox(service, &change, recipient, row.id).await?;
    }
    let fact = match state {
        State::Failed => "delivery.failed",
        State::Skipped => "delivery.skipped",
        State::Suppressed => "delivery.suppressed",
        State::Deferred | State::Queued | State::Sending | State::Sent => "delivery.deferred",
    };
    if state == State::Failed {
        dead_letter::bury(service, &change, row).await?;
    }
    tell(service, &change, &updated, fact, now).await?;
    change.commit().await?;
    tracing::info!(delivery = %row.id, ?state, error, attempts = row.attempts, "delivery {} is {state:?}", row.id);
    Ok(())
}

async fn tell(
    service: &Notifier,
    change: &Change,
    rows: &[Model],
    kind: &'static str,
    now: Timestamp,
) -> Result<(), DbErr> {
    let messages: Vec<_> = rows.iter().map(|row| event(row, now)).collect();
    let events = rows.iter().zip(&messages).map(|(row, message)| NewEvent {
        id: service.random.uuid(now),
        kind,
        resource: row.name().to_string(),
        version: row.version,
        occur_time: now,
        message,
    });
    outbox::record_all(change, events).await
}

fn event(row: &Model, now: Timestamp) -> DeliveryEvent {
    DeliveryEvent {
        delivery: row.name().to_string(),
        invitation: row.invitation.clone(),
        mail: row.mail.clone(),
        kind: row.kind.to_proto().into(),
        version: row.version,
        state: usher_api::notifier::DeliveryState::from(row.state).into(),
        occur_time: Some(now.into()),
    }
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
