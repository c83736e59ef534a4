//! Events, written in the transaction of the change they tell of, so that neither exists without the other.

use prost::Message;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use uuid::Uuid;

use crate::telemetry::current_traceparent;
use crate::{Change, Timestamp};

/// An event on its way out. Rows stay after publication: the broker is never the only copy. See [`crate::reconciler`].
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// Identifies the event for ever; consumers and the broker know duplicates by it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Resource and fact, such as `invitation.created`.
    pub kind: String,
    /// The name of the resource.
    pub resource: String,
    /// Counts the changes of the resource from 1.
    pub version: i64,
    /// The encoded event message. Never holds a token, a password or a hash of one.
    pub payload: Vec<u8>,
    /// The W3C trace context of the change. Empty outside a trace.
    pub traceparent: String,
    /// When the change was made.
    pub occur_time: Timestamp,
    /// When a relay may publish it: at once, or some time after it was tried in vain.
    pub available_time: Timestamp,
    /// How often a relay tried to publish it, and wrote down what came of it.
    pub attempts: i32,
    /// When the broker took it.
    pub publish_time: Option<Timestamp>,
    /// How often it was published anew because the broker had lost it.
    pub publication: i32,
    /// Which stream took it, told by the moment at which that stream was made. None for the bus within the process.
    pub stream_time: Option<Timestamp>,
    /// Up to where that stream reached when it had taken the event and those published together with it.
    pub stream_sequence: Option<i64>,
    /// Where the first of those is. What the stream keeps from there on, it keeps of all of them. None where the process that
    /// published it did not note that yet.
    pub stream_start: Option<i64>,
    /// When every consumer of the suite had dealt with it. Until then the broker may lose it, and it is published anew.
    pub confirm_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What a relay reads of an event that waits. The columns that say where it was published are empty until then, and reading them took
/// a noticeable part of its time.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub(crate) struct Waiting {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) resource: String,
    pub(crate) version: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) traceparent: String,
    pub(crate) occur_time: Timestamp,
    pub(crate) attempts: i32,
    pub(crate) publication: i32,
}

/// A fact about a resource, to be told to other services.
#[derive(Debug)]
pub struct NewEvent<'a, M> {
    /// A new id.
    pub id: Uuid,
    /// Resource and fact, such as `invitation.created`.
    pub kind: &'static str,
    /// The name of the resource.
    pub resource: String,
    /// Counts the changes of the resource from 1.
    pub version: i64,
    /// When the change was made.
    pub occur_time: Timestamp,
    /// The event message of the service's `event.proto`.
    pub message: &'a M,
}

/// The most rows in one statement: fourteen columns each, of 32,766 values that SQLite takes.
const MOST_ROWS: usize = 1_000;

/// Writes `event` as part of `change`. It is published after the commit, at least once.
pub async fn record<M: Message>(change: &Change, event: NewEvent<'_, M>) -> Result<(), DbErr> {
    record_all(change, [event]).await
}

/// Writes `events` as part of `change`, as [`record`] does, in few statements however many there are.
pub async fn record_all<'a, M: Message + 'a>(
    change: &Change,
    events: impl IntoIterator<Item = NewEvent<'a, M>>,
) -> Result<(), DbErr> {
    let traceparent = current_traceparent();
    let mut rows: Vec<ActiveModel> = events.into_iter().map(|event| event.into_row(&traceparent)).collect();
    while !rows.is_empty() {
        let some = rows.drain(..rows.len().min(MOST_ROWS)).collect::<Vec<_>>();
        Entity::insert_many(some).exec_without_returning(&**change).await?;
    }
    Ok(())
}

impl<M: Message> NewEvent<'_, M> {
    fn into_row(self, traceparent: &str) -> ActiveModel {
        ActiveModel {
            id: Set(self.id),
            kind: Set(self.kind.to_owned()),
            resource: Set(self.resource),
            version: Set(self.version),
            payload: Set(self.message.encode_to_vec()),
            traceparent: Set(traceparent.to_owned()),
            occur_time: Set(self.occur_time),
            available_time: Set(self.occur_time),
            attempts: Set(0),
            publish_time: Set(None),
            publication: Set(0),
            stream_time: Set(None),
            stream_sequence: Set(None),
            stream_start: Set(None),
            confirm_time: Set(None),
        }
    }
}
