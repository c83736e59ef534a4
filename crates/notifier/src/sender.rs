//! Deliveries become mails.
//!
//! A sender takes a delivery by setting it to SENDING with a lease, and commits that before it says a word to the mail server.
//! If it dies, another takes the delivery when the lease has ended: a mail whose last word was lost is sent once more with the
//! same Message-ID, and none is forgotten.

use std::time::Duration;

use futures::StreamExt as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Query};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tracing::Instrument as _;
use usher_api::invitation::{MintInvitationLinkRequest, MintInvitationLinkResponse};
use usher_api::notifier::DeliveryEvent;
use usher_runtime::clock::micros;
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::rpc::error_chain;
use usher_runtime::telemetry::follow;
use usher_runtime::{Failure, database};

use crate::Notifier;
use crate::entity::{Column, Entity, Model, State};
use crate::mailer::Outcome;

/// Longer than a mail may take: RFC 5321 gives the server 10 minutes for its last word.
const LEASE: Duration = Duration::from_mins(15);
/// How often the sender looks without having been woken: for attempts that are due, and for leases that ended.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The waits between attempts; the last one repeats.
const SCHEDULE: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_hours(1),
];
/// After so many attempts, two days or so, a mail has failed. Invitations can be sent again.
const MOST_ATTEMPTS: i32 = 50;

/// Sends until `stop`. Any number of senders work side by side.
pub(crate) async fn run(service: Notifier, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let full = service.config.concurrent_mails;
        match claim(&service).await {
            Ok(rows) => {
                let taken = rows.len();
                send_all(&service, rows).await;
                if taken == full {
                    continue;
                }
            }
            Err(error) => tracing::warn!(%error, "sender cannot read the deliveries"),
        }
        tokio::select! {
            () = service.queued.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Takes as many due deliveries as are sent at a time. One that two senders see goes to one of them.
async fn claim(service: &Notifier) -> Result<Vec<Model>, DbErr> {
    let connection = &*service.database;
    let unfinished = [State::Queued, State::Sending, State::Deferred];
    let due = Condition::all()
        .add(Column::State.is_in(unfinished))
        .add(Expr::col(Column::AvailableTime).lte(database::now(connection)));
    let oldest = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(due.clone())
        .order_by(Column::AvailableTime, sea_orm::Order::Asc)
        .limit(service.config.concurrent_mails as u64)
        .to_owned();
    Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Sending))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::AvailableTime, database::now(connection).add(micros(LEASE)))
        .filter(Column::Id.in_subquery(oldest))
        .filter(due)
        .exec_with_returning(connection)
        .await
}

/// Each in a task of its own: stopping must not break off a conversation or a transaction in its middle.
async fn send_all(service: &Notifier, rows: Vec<Model>) {
    let tasks = rows.into_iter().map(|row| {
        let span = tracing::info_span!("mail.send", otel.kind = "client", delivery = %row.id);
        follow(&span, &row.traceparent);
        tokio::spawn(send(service.clone(), row).instrument(span))
    });
    let mut running: futures::stream::FuturesUnordered<_> = tasks.collect();
    while let Some(ended) = running.next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "sending a mail panicked; its lease will end");
        }
    }
}

async fn send(service: Notifier, row: Model) {
    let id = row.id;
    let outcome = attempt(&service, &row).await;
    if let Err(error) = record(&service, row, outcome).await {
        tracing::warn!(delivery = %id, error = error_chain(&error), "what became of delivery {id} was not recorded");
    }
}

/// Asks for the link, writes the mail and hands it over.
async fn attempt(service: &Notifier, row: &Model) -> Outcome {
    let minted = match mint(service, &row.invitation).await {
        Ok(minted) => minted,
        Err(outcome) => return outcome,
    };
    let offer = minted.offer.unwrap_or_default();
    match service.letters.invitation(&row.message_id, &offer, &minted.link, service.clock.now()) {
        Ok(letter) => service.mailer.send(letter, row).await,
        Err(error) => Outcome::Failed(error),
    }
}

/// The link, unless the invitation has ended meanwhile.
async fn mint(service: &Notifier, invitation: &str) -> Result<MintInvitationLinkResponse, Outcome> {
    let request = MintInvitationLinkRequest { name: invitation.to_owned() };
    match service.invitation.clone().mint_invitation_link(request).await {
        Ok(response) => Ok(response.into_inner()),
        Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::NotFound) => {
            Err(Outcome::Skipped(status.message().to_owned()))
        }
        Err(status) => {
            Err(Outcome::Deferred(format!("the invitation service does not answer: {:?}", status.code())))
        }
    }
}

/// Writes down what became of the mail and tells it, unless another sender has taken over.
async fn record(service: &Notifier, row: Model, outcome: Outcome) -> Result<(), Failure> {
    let (state, error) = match outcome {
        Outcome::Sent => (State::Sent, String::new()),
        Outcome::Skipped(why) => (State::Skipped, why),
        Outcome::Failed(why) => (State::Failed, why),
        Outcome::Deferred(why) if row.attempts >= MOST_ATTEMPTS => (State::Failed, why),
        Outcome::Deferred(why) => (State::Deferred, why),
    };
    let now = service.clock.now();
    let send_time = (state == State::Sent).then_some(now);
    let change = service.database.change().await?;
    let updated = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::SendTime, Expr::value(send_time))
        .col_expr(Column::AvailableTime, database::now(&*change).add(micros(wait(row.attempts))))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(row.id))
        .filter(Column::State.eq(State::Sending))
        .filter(Column::Attempts.eq(row.attempts))
        .exec_with_returning(&*change)
        .await?;
    let Some(row) = updated.first() else { return Ok(()) };
    tell(service, &change, row).await?;
    change.commit().await?;
    tracing::info!(delivery = %row.id, ?state, attempts = row.attempts, "delivery {} is {state:?}", row.id);
    Ok(())
}

async fn tell(service: &Notifier, change: &usher_runtime::Change, row: &Model) -> Result<(), Failure> {
    let kind = match row.state {
        State::Sent => "delivery.sent",
        State::Deferred => "delivery.deferred",
        State::Failed => "delivery.failed",
        State::Skipped => "delivery.skipped",
        State::Queued | State::Sending => return Ok(()),
    };
    let now = service.clock.now();
    let message = DeliveryEvent {
        delivery: row.name().to_string(),
        invitation: row.invitation.clone(),
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
fn wait(attempts: i32) -> Duration {
    let index = usize::try_from(attempts - 1).unwrap_or(0).min(SCHEDULE.len() - 1);
    SCHEDULE[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_and_longer_up_to_an_hour() {
        let waits: Vec<_> = (1..8).map(|attempts| wait(attempts).as_secs() / 60).collect();
        assert_eq!(waits, [1, 5, 15, 30, 60, 60, 60]);
    }
}
