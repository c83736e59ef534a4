//! One row for each mail.

use sea_orm::entity::prelude::*;
use usher_api::name::DeliveryName;
use usher_api::notifier as pb;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A mail, from the event that asked for it to the answer of the mail server. Neither its address nor its link is kept.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    /// The id in the resource name. Rises with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it is for.
    pub kind: Kind,
    /// The name of the invitation that it is about. Empty if it is about an account.
    pub invitation: String,
    /// The name of the account mail that it is. Empty if it is about an invitation.
    pub mail: String,
    /// The same at every attempt, so that a reader's program can drop a copy.
    pub message_id: String,
    /// Where it stands.
    pub state: State,
    /// How often it was taken to be sent.
    pub attempts: i32,
    /// What went wrong last.
    pub last_error: String,
    /// A keyed hash of the domain that it goes to, once a mail had to wait for others to that domain.
    pub domain_key: Option<Vec<u8>>,
    /// The trace of the change that asked for it.
    pub traceparent: String,
    /// Counts its changes from 1.
    pub version: i64,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// When the mail server took it.
    pub send_time: Option<Timestamp>,
    /// When a sender may take it: while it waits, when the next attempt is due; while it is sent, when the sender's lease
    /// ends.
    pub available_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// What a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Kind {
    /// The guest learns of an invitation.
    #[sea_orm(string_value = "invitation")]
    Invitation,
    /// The guest learns that it ends soon.
    #[sea_orm(string_value = "reminder")]
    Reminder,
    /// The inviter learns that the guest accepted.
    #[sea_orm(string_value = "accepted")]
    Accepted,
    /// The inviter learns that the guest knows of nothing.
    #[sea_orm(string_value = "delivery_failed")]
    DeliveryFailed,
    /// About an account.
    #[sea_orm(string_value = "account")]
    Account,
}

impl Kind {
    /// The kind of this number; `None` for unknown numbers and UNSPECIFIED.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match pb::DeliveryKind::try_from(number) {
            Ok(pb::DeliveryKind::Invitation) => Some(Self::Invitation),
            Ok(pb::DeliveryKind::Reminder) => Some(Self::Reminder),
            Ok(pb::DeliveryKind::Accepted) => Some(Self::Accepted),
            Ok(pb::DeliveryKind::DeliveryFailed) => Some(Self::DeliveryFailed),
            Ok(pb::DeliveryKind::Account) => Some(Self::Account),
            Ok(pb::DeliveryKind::Unspecified) | Err(_) => None,
        }
    }

    /// The same in the contract.
    pub(crate) fn to_proto(self) -> pb::DeliveryKind {
        match self {
            Self::Invitation => pb::DeliveryKind::Invitation,
            Self::Reminder => pb::DeliveryKind::Reminder,
            Self::Accepted => pb::DeliveryKind::Accepted,
            Self::DeliveryFailed => pb::DeliveryKind::DeliveryFailed,
            Self::Account => pb::DeliveryKind::Account,
        }
    }
}

/// Where a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// Waits for its first attempt.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// A sender is at it.
    #[sea_orm(string_value = "sending")]
    Sending,
    /// The mail server took it.
    #[sea_orm(string_value = "sent")]
    Sent,
    /// Waits for another attempt.
    #[sea_orm(string_value = "deferred")]
    Deferred,
    /// Refused for good, or tried often enough.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// Not sent: nobody needed it any more.
    #[sea_orm(string_value = "skipped")]
    Skipped,
    /// Not sent: the address gets none.
    #[sea_orm(string_value = "suppressed")]
    Suppressed,
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> DeliveryName {
        DeliveryName(self.id)
    }

    /// The resource.
    pub(crate) fn to_proto(&self) -> pb::Delivery {
        let waits = matches!(self.state, State::Queued | State::Deferred);
        pb::Delivery {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            kind: self.kind.to_proto().into(),
            invitation: self.invitation.clone(),
            mail: self.mail.clone(),
            message_id: self.message_id.clone(),
            state: pb::DeliveryState::from(self.state).into(),
            attempts: self.attempts,
            last_error: self.last_error.clone(),
            create_time: Some(self.create_time.into()),
            send_time: self.send_time.map(Into::into),
            next_attempt_time: waits.then(|| self.available_time.into()),
        }
    }
}

impl From<State> for pb::DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Sending => Self::Sending,
            State::Sent => Self::Sent,
            State::Deferred => Self::Deferred,
            State::Failed => Self::Failed,
            State::Skipped => Self::Skipped,
            State::Suppressed => Self::Suppressed,
        }
    }
}

impl State {
    /// The stored state of a proto one; `None` for unknown numbers and UNSPECIFIED.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match pb::DeliveryState::try_from(number) {
            Ok(pb::DeliveryState::Queued) => Some(Self::Queued),
            Ok(pb::DeliveryState::Sending) => Some(Self::Sending),
            Ok(pb::DeliveryState::Sent) => Some(Self::Sent),
            Ok(pb::DeliveryState::Deferred) => Some(Self::Deferred),
            Ok(pb::DeliveryState::Failed) => Some(Self::Failed),
            Ok(pb::DeliveryState::Skipped) => Some(Self::Skipped),
            Ok(pb::DeliveryState::Suppressed) => Some(Self::Suppressed),
            Ok(pb::DeliveryState::Unspecified) | Err(_) => None,
        }
    }
}
