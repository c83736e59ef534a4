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

/// How often the handling of an event may fail for another reason than that something is away. With the waits between, that takes
/// about a quarter of an hour, or more: long enough for a defect that a restart or a roll-back mends.
const MOST_DEFECTS: i32 = 12;
/// The wait after the first failure; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_mins(5);

/// How often a consumer tried an event in vain. Rows go with the dead letter, or are swept when the events are.
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
    /// How many of these failed though nothing was away.
    pub defects: i32,
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
    let outcome = subscription.handle(event.clone()).instrument(span).await;
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
    let severity = severity(failure);
    let defect = !matches!(severity, Severity::Passing);
    let Model { attempts, defects, .. } = count(&change, subscription.consumer, event.id, defect).await?;
    let given_up = match severity {
        Severity::Passing => false,
        Severity::Unclear => defects >= MOST_DEFECTS,
        Severity::Final => true,
    };
    if given_up {
        Entity::delete_by_id((subscription.consumer.to_owned(), event.id)).exec(&*change).await?;
        dead_letter::lay_down(&change, subscription.consumer, event, attempts, &error_chain(failure)).await?;
    }
    change.commit().await?;
    Ok((!given_up).then(|| delay(attempts)))
}

async fn count(change: &Change, consumer: &str, event_id: Uuid, defect: bool) -> Result<Model, DbErr> {
    let (now, defects) = (database::now(&**change), i32::from(defect));
    let row = ActiveModel {
        consumer: Set(consumer.to_owned()),
        event_id: Set(event_id),
        attempts: Set(1),
        defects: Set(defects),
        update_time: Set(Timestamp(0)),
    };
    let known = OnConflict::columns([Column::Consumer, Column::EventId])
        .value(Column::Attempts, Expr::col((Entity, Column::Attempts)).add(1))
        .value(Column::Defects, Expr::col((Entity, Column::Defects)).add(defects))
        .value(Column::UpdateTime, now)
        .to_owned();
    Entity::insert(row).on_conflict(known).exec_with_returning(&**change).await
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sea_orm_migration::{MigrationTrait, MigratorTrait};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Database, DatabaseConfig, Random};

    #[test]
    fn waits_twice_as_long_each_time_up_to_five_minutes() {
        assert_eq!(delay(1), Duration::from_millis(500));
        assert_eq!(delay(4), Duration::from_secs(4));
        assert_eq!(delay(30), LONGEST_DELAY);
        let total: Duration = (1..MOST_DEFECTS).map(delay).sum();
        assert!(total > Duration::from_mins(10) && total < Duration::from_mins(20), "{total:?}");
    }

    #[test]
    fn only_what_can_never_be_read_is_given_up_at_once() {
        let unreadable = prost::Message::decode(&[0xff_u8][..]).map(|(): ()| ()).unwrap_err();
        assert!(matches!(severity(&Failure::internal(unreadable)), Severity::Final));
        assert!(matches!(severity(&Failure::internal("a defect")), Severity::Unclear));
        assert!(matches!(severity(&Failure::ConcurrentChange), Severity::Passing));
    }

    #[tokio::test]
    async fn what_fails_is_counted_and_laid_down_and_what_is_away_is_waited_for() {
        let database = tables().await;
        let handled = Arc::new(AtomicUsize::new(0));
        let subscription =
            Subscription::new("tester", "invitation", &database, handled, |handled, _| async move {
                match handled.fetch_add(1, Ordering::Relaxed) {
                    0..20 => Err(Failure::Overloaded),
                    20 => panic!("as nobody should"),
                    21..32 => Err(Failure::internal("a defect")),
                    _ => Ok(()),
                }
            });
        let event = event();
        for attempt in 1..32 {
            let postponed = deliver(&subscription, &event).await.unwrap_err();
            assert_eq!(postponed.delay, delay(attempt), "after attempt {attempt}");
        }
        deliver(&subscription, &event).await.unwrap();
        assert_eq!(Entity::find().count(&*database).await.unwrap(), 0);
        let letters = dead_letter::Entity::find().all(&*database).await.unwrap();
        let told: Vec<_> = letters.iter().map(|it| (it.event_id, it.attempts, it.reason.as_str())).collect();
        assert_eq!(told, [(event.id, 32, "a defect of the service: a defect")]);

        let change = database.change().await.unwrap();
        dead_letter::redrive(&change, sea_orm::Condition::all()).await.unwrap();
        change.commit().await.unwrap();
        let (stop, left) = (CancellationToken::new(), || dead_letter::Entity::find().count(&*database));
        let watching = async {
            while left().await.unwrap() > 0 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        tokio::join!(dead_letter::redrive_until(subscription, stop.clone()), watching);
    }

    /// A database with the tables of a service.
    async fn tables() -> Database {
        let unique = Uuid::from_bytes(Random::system().bytes());
        let file = std::env::temp_dir().join(format!("usher-consumer-{unique}.db"));
        let config = DatabaseConfig::at(format!("sqlite://{}?mode=rwc", file.display()));
        let database = Database::connect(&config).await.unwrap();
        database.migrate::<Tables>().await.unwrap();
        database
    }

    struct Tables;

    impl MigratorTrait for Tables {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            crate::migration::steps()
        }
    }

    fn event() -> Event {
        Event {
            service: "invitation".to_owned(),
            id: Uuid::from_u128(7),
            kind: "invitation.created".to_owned(),
            resource: "communities/1/invitations/1".to_owned(),
            version: 1,
            occur_time: Timestamp(0),
            traceparent: String::new(),
            payload: Vec::new(),
            publication: 0,
        }
    }
}
