//! One row for each change of an invitation.

use sea_orm::entity::prelude::*;
use usher_api::invitation as pb;
use usher_runtime::Timestamp;
use uuid::Uuid;

use super::invitation::State;
use crate::inviter;

/// Something that happened to an invitation.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation_history")]
pub struct Model {
    /// The invitation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invitation_id: Uuid,
    /// Its version after the change.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// The community at the top of the tree.
    pub root_id: Uuid,
    /// The place among all changes of the tree. None until somebody watches: see `history.rs`.
    pub place: Option<i64>,
    /// What happened.
    pub fact: Fact,
    /// Where the invitation stood then.
    pub state: State,
    /// Who did it, if somebody with an account or a program did.
    pub actor_id: Option<Uuid>,
    /// The name of the program that did it. Empty if none did.
    pub actor_program: String,
    /// The person on whose behalf the program did it.
    pub on_behalf_of_id: Option<Uuid>,
    /// When.
    pub occur_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Fact {
    /// It was made.
    #[sea_orm(string_value = "created")]
    Created,
    /// It was sent again.
    #[sea_orm(string_value = "resent")]
    Resent,
    /// It was changed.
    #[sea_orm(string_value = "updated")]
    Updated,
    /// A mail left.
    #[sea_orm(string_value = "sent")]
    Sent,
    /// A mail was refused for good.
    #[sea_orm(string_value = "delivery_failed")]
    DeliveryFailed,
    /// It was accepted.
    #[sea_orm(string_value = "accepted")]
    Accepted,
    /// It was declined.
    #[sea_orm(string_value = "declined")]
    Declined,
    /// It was revoked.
    #[sea_orm(string_value = "revoked")]
    Revoked,
    /// It expired.
    #[sea_orm(string_value = "expired")]
    Expired,
    /// The person was to be reminded.
    #[sea_orm(string_value = "reminder_due")]
    ReminderDue,
    /// What was known of the person was destroyed.
    #[sea_orm(string_value = "purged")]
    Purged,
}

impl Model {
    /// As readers see it.
    pub(crate) fn to_proto(&self) -> pb::InvitationChange {
        let actor =
            self.actor_id.map(|id| inviter::from_columns(id, &self.actor_program, self.on_behalf_of_id));
        let represented = actor.and_then(|actor| actor.on_behalf_of);
        pb::InvitationChange {
            version: self.version,
            fact: pb::InvitationFact::from(self.fact).into(),
            state: pb::InvitationState::from(self.state).into(),
            actor: actor.map(|actor| actor.principal.to_string()).unwrap_or_default(),
            on_behalf_of: represented.map(|user| user.to_string()).unwrap_or_default(),
            occur_time: Some(self.occur_time.into()),
        }
    }
}

impl From<Fact> for pb::InvitationFact {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Created => Self::Created,
            Fact::Resent => Self::Resent,
            Fact::Updated => Self::Updated,
            Fact::Sent => Self::Sent,
            Fact::DeliveryFailed => Self::DeliveryFailed,
            Fact::Accepted => Self::Accepted,
            Fact::Declined => Self::Declined,
            Fact::Revoked => Self::Revoked,
            Fact::Expired => Self::Expired,
            Fact::ReminderDue => Self::ReminderDue,
            Fact::Purged => Self::Purged,
        }
    }
}
