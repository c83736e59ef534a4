//! One row for each event on its way to a webhook.

use sea_orm::entity::prelude::*;
use usher_api::name::{WebhookDeliveryName, WebhookName};
use usher_api::notifier as pb;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// An event that a webhook is told, from when it happened to the answer of the endpoint.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    /// The id in the resource name. Rises with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// To which webhook.
    pub webhook_id: Uuid,
    /// The event, which a webhook is told once. Tells repetitions apart at the endpoint.
    pub event_id: Uuid,
    /// What happened.
    pub event_type: String,
    /// What is posted: signed at every attempt, so that it must never change.
    pub body: String,
    /// Where it stands.
    pub state: State,
    /// How often it was taken to be posted.
    pub attempts: i32,
    /// The status of the last answer. 0 if there was none.
    pub last_response_code: i32,
    /// What went wrong last.
    pub last_error: String,
    /// The trace of the change that it tells of.
    pub traceparent: String,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// When it may be taken: while it waits, when the next attempt is due; while it is posted, when the lease ends.
    pub available_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// Waits for its first attempt, or for one that somebody asked for.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// A courier is at it.
    #[sea_orm(string_value = "sending")]
    Sending,
    /// The endpoint took it.
    #[sea_orm(string_value = "succeeded")]
    Succeeded,
    /// Waits for another attempt.
    #[sea_orm(string_value = "deferred")]
    Deferred,
    /// Tried often enough, or the endpoint is gone.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// Not posted: nobody was to be told.
    #[sea_orm(string_value = "skipped")]
    Skipped,
}

impl State {
    /// Those in which something is still to happen.
    pub(crate) const OPEN: [Self; 3] = [Self::Queued, Self::Sending, Self::Deferred];

    /// The stored state of a proto one; `None` for unknown numbers and UNSPECIFIED.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match pb::WebhookDeliveryState::try_from(number) {
            Ok(pb::WebhookDeliveryState::Queued) => Some(Self::Queued),
            Ok(pb::WebhookDeliveryState::Sending) => Some(Self::Sending),
            Ok(pb::WebhookDeliveryState::Succeeded) => Some(Self::Succeeded),
            Ok(pb::WebhookDeliveryState::Deferred) => Some(Self::Deferred),
            Ok(pb::WebhookDeliveryState::Failed) => Some(Self::Failed),
            Ok(pb::WebhookDeliveryState::Skipped) => Some(Self::Skipped),
            Ok(pb::WebhookDeliveryState::Unspecified) | Err(_) => None,
        }
    }

    fn to_proto(self) -> pb::WebhookDeliveryState {
        match self {
            Self::Queued => pb::WebhookDeliveryState::Queued,
            Self::Sending => pb::WebhookDeliveryState::Sending,
            Self::Succeeded => pb::WebhookDeliveryState::Succeeded,
            Self::Deferred => pb::WebhookDeliveryState::Deferred,
            Self::Failed => pb::WebhookDeliveryState::Failed,
            Self::Skipped => pb::WebhookDeliveryState::Skipped,
        }
    }
}

impl Model {
    /// The resource; `webhook` is the one that it goes to.
    pub(crate) fn to_proto(&self, webhook: WebhookName) -> pb::WebhookDelivery {
        let waits = matches!(self.state, State::Queued | State::Deferred);
        pb::WebhookDelivery {
            name: WebhookDeliveryName { webhook, id: self.id }.to_string(),
            uid: self.id.to_string(),
            event_id: self.event_id.to_string(),
            event_type: self.event_type.clone(),
            state: self.state.to_proto().into(),
            attempts: self.attempts,
            last_response_code: self.last_response_code,
            last_error: self.last_error.clone(),
            body: self.body.clone(),
            create_time: Some(self.create_time.into()),
            next_attempt_time: waits.then(|| self.available_time.into()),
            end_time: self.end_time.map(Into::into),
        }
    }
}
