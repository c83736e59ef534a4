//! What a consumer does with one event, on either bus: it is handed over, failures are counted in the database, and what nothing can
//! be done with is laid down as a dead letter instead of coming back for ever.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use tracing::Instrument as _;
use usher_api::name::InvalidName;
use uuid::Uuid;

use crate::rpc::error_chain;
use crate::telemetry::follow;
use crate::{Change, Event, Failure, Subscription, Timestamp, database, dead_letter, meters};

/// How often an event is tried whose handling fails for another reason than that something is away. With the waits between, that
/// takes about a quarter of an hour: long enough for a defect that a restart or a roll-back mends.
const MOST_ATTEMPTS: i32 = 12;
/// The wait after the first failure; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_mins(5);

/// How often a consumer tried an event in vain. Rows go with the success, or with the dead letter.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_attempt")]
pub struct Model {
    /// The name of the consumer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub consumer: String,
    /// The id of the event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    /// How often.
    pub attempts: i32,
    /// When it failed last.
    pub update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// The event is to come again.
#[derive(Debug)]
pub struct Postponed {
    /// Not before this time has passed.
    pub delay: Duration,
    /// Why.
    pub failure: Failure,
}

/// Hands `event` to the consumer. `Ok` means that the bus can forget it: its effect is committed, or it is a dead letter.
pub async fn deliver(subscription: &Subscription, event: &Event) -> Result<(), Postponed> {
    let consumer = subscription.consumer;
    let span = tracing::info_span!("event.process", otel.kind = "consumer", consumer, event_id = %event.id, kind = event.kind);
    follow(&span, &event.traceparent);
    let outcome = (subscription.handler)(event.clone()).instrument(span).await;
    meters::consumption(consumer, outcome.is_ok());
    let Err(failure) = outcome else { return Ok(()) };
    match note(subscription, event, &failure).await {
        Ok(None) => Ok(()),
        Ok(Some(delay)) => {
            let (id, error) = (event.id, error_chain(&failure));
            tracing::warn!(consumer, event_id = %id, error, "event {id} is tried again later");
            Err(Postponed { delay, failure })
        }
        // Not even the failure can be written down.
        Err(error) => Err(Postponed { delay: FIRST_DELAY, failure: Failure::from(error) }),
    }
}

/// Counts a failed attempt. Returns how long to wait before the next; `None` if there will be none.
async fn note(
    subscription: &Subscription,
    event: &Event,
    failure: &Failure,
) -> Result<Option<Duration>, DbErr> {
    let change = subscription.database.change().await?;
    let attempts = count(&change, subscription.consumer, event.id).await?;
    let given_up = match severity(failure) {
        Severity::Passing => false,
        Severity::Unclear => attempts >= MOST_ATTEMPTS,
        Severity::Final => true,
    };
    if given_up {
        Entity::delete_by_id((subscription.consumer.to_owned(), event.id)).exec(&*change).await?;
        dead_letter::lay_down(&change, subscription.consumer, event, attempts, &error_chain(failure)).await?;
    }
    change.commit().await?;
    Ok((!given_up).then(|| delay(attempts)))
}

async fn count(change: &Change, consumer: &str, event_id: Uuid) -> Result<i32, DbErr> {
    let now = database::now(&**change);
    let row = ActiveModel {
        consumer: Set(consumer.to_owned()),
        event_id: Set(event_id),
        attempts: Set(1),
        update_time: Set(Timestamp(0)),
    };
    let known = OnConflict::columns([Column::Consumer, Column::EventId])
        .value(Column::Attempts, Expr::col((Entity, Column::Attempts)).add(1))
        .value(Column::UpdateTime, now)
        .to_owned();
    let row = Entity::insert(row).on_conflict(known).exec_with_returning(&**change).await?;
    Ok(row.attempts)
}

/// What time does to a failure.
enum Severity {
    /// Heals it: something is away or busy.
    Passing,
    /// Nobody knows.
    Unclear,
    /// Nothing: no version of the suite ever wrote such a message.
    Final,
}

fn severity(failure: &Failure) -> Severity {
    match failure {
        Failure::Unavailable { .. }
        | Failure::ConcurrentChange
        | Failure::Overloaded
        | Failure::DeadlineExceeded => Severity::Passing,
        Failure::Internal(source) if source.is::<prost::DecodeError>() || source.is::<InvalidName>() => {
            Severity::Final
        }
        Failure::TokenMissing
        | Failure::TokenInvalid
        | Failure::TokenExpired
        | Failure::CallerNotAllowed { .. }
        | Failure::OnBehalfOfNotAllowed
        | Failure::PermissionDenied { .. }
        | Failure::InvalidFields(_)
        | Failure::RequestIdReused { .. }
        | Failure::PageTokenInvalid
        | Failure::EtagMismatch { .. }
        | Failure::Internal(_)
        | Failure::Refused(_) => Severity::Unclear,
    }
}

fn delay(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_twice_as_long_each_time_up_to_five_minutes() {
        assert_eq!(delay(1), Duration::from_millis(500));
        assert_eq!(delay(4), Duration::from_secs(4));
        assert_eq!(delay(30), LONGEST_DELAY);
        let total: Duration = (1..MOST_ATTEMPTS).map(delay).sum();
        assert!(total > Duration::from_mins(10) && total < Duration::from_mins(20), "{total:?}");
    }

    #[test]
    fn only_what_can_never_be_read_is_given_up_at_once() {
        let unreadable = prost::Message::decode(&[0xff_u8][..]).map(|(): ()| ()).unwrap_err();
        assert!(matches!(severity(&Failure::internal(unreadable)), Severity::Final));
        assert!(matches!(severity(&Failure::internal("a defect")), Severity::Unclear));
        assert!(matches!(severity(&Failure::ConcurrentChange), Severity::Passing));
    }
}
