//! One row for each invitation.

use std::collections::BTreeMap;

use sea_orm::Iterable as _;
use sea_orm::entity::prelude::*;
use usher_api::invitation as pb;
use usher_api::name::{CommunityName, InvitationName, UserName};
use usher_runtime::{Actor, Timestamp};
use uuid::Uuid;

use super::grant;
use crate::error::Error;
use crate::inviter;

/// An invitation. Its grants are rows of their own.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The community at the top of the tree.
    pub root_id: Uuid,
    /// The address as typed.
    pub email: String,
    /// The address to compare by.
    pub email_canonical: String,
    /// How the mail addresses the person.
    pub display_name: String,
    /// Words of the inviter. Empty if there are none.
    pub message: String,
    /// A BCP 47 tag. Empty if unknown.
    pub locale: String,
    /// A JSON object of texts.
    pub annotations: String,
    /// Whose authority it rests on: the id of a person or a program.
    pub inviter_id: Uuid,
    /// The name of the program whose authority it rests on. Empty if it is a person.
    pub inviter_program: String,
    /// On whose authority it rests, too: the person on whose behalf the program invited.
    pub on_behalf_of_id: Option<Uuid>,
    /// Where it stands. An invitation past `expire_time` counts as expired before the sweeper gets to it.
    pub state: State,
    /// What became of the newest mail.
    pub delivery_state: DeliveryState,
    /// The newest mail, and how far its news have been heard, so that old news change nothing.
    pub delivery_id: Option<Uuid>,
    /// See `delivery_id`.
    pub delivery_version: i64,
    /// How often a mail was asked for.
    pub send_count: i32,
    /// The number of the last event: every event is one more.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When somebody changed it last. News about mails do not count, so that they do not spoil anybody's etag.
    pub update_time: Timestamp,
    /// From when on, by the clock of the database, no mail leaves unless its sender asks again. See [`crate::departure`].
    pub mail_until: Option<Timestamp>,
    /// When the newest mail left.
    pub last_send_time: Option<Timestamp>,
    /// Until when it can be accepted.
    pub expire_time: Timestamp,
    /// When it was accepted.
    pub accept_time: Option<Timestamp>,
    /// When it was revoked.
    pub revoke_time: Option<Timestamp>,
    /// Why it was revoked.
    pub revoke_reason: Option<RevokeReason>,
    /// When it was declined.
    pub decline_time: Option<Timestamp>,
    /// When the person is to be reminded. None if he need not be, or was.
    pub remind_time: Option<Timestamp>,
    /// When what is known of the person is destroyed, unless the invitation is pending then.
    pub purge_time: Option<Timestamp>,
    /// Whether that has happened.
    pub purged: bool,
    /// Who accepted, or is accepting while there is a claim.
    pub invitee_id: Option<Uuid>,
    /// An acceptance under way. While there is one, the state stays `Pending` and nothing but that acceptance changes it.
    pub claim_id: Option<Uuid>,
    /// When the sweeper takes over the acceptance.
    pub claim_lease_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The stored states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// Can be accepted, until `expire_time`.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// The person is a member.
    #[sea_orm(string_value = "accepted")]
    Accepted,
    /// Withdrawn.
    #[sea_orm(string_value = "revoked")]
    Revoked,
    /// Nobody accepted in time.
    #[sea_orm(string_value = "expired")]
    Expired,
    /// The person does not want it.
    #[sea_orm(string_value = "declined")]
    Declined,
}

/// Why an invitation was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum RevokeReason {
    /// Somebody who may did so.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// Something newer took its place.
    #[sea_orm(string_value = "superseded")]
    Superseded,
    /// Whoever invited was suspended or removed.
    #[sea_orm(string_value = "inviter_ended")]
    InviterEnded,
    /// The person was a member, and was suspended or removed.
    #[sea_orm(string_value = "membership_ended")]
    MembershipEnded,
}

/// What became of the newest mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum DeliveryState {
    /// Waits.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// Left.
    #[sea_orm(string_value = "sent")]
    Sent,
    /// Waits for another attempt.
    #[sea_orm(string_value = "deferred")]
    Deferred,
    /// Refused for good.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// Not wanted, or too late.
    #[sea_orm(string_value = "skipped")]
    Skipped,
    /// The person had enough of them, or gets none at this address.
    #[sea_orm(string_value = "suppressed")]
    Suppressed,
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> InvitationName {
        InvitationName { root: CommunityName(self.root_id), id: self.id }
    }

    /// Whose authority it rests on.
    pub(crate) fn inviter(&self) -> Actor {
        inviter::from_columns(self.inviter_id, &self.inviter_program, self.on_behalf_of_id)
    }

    /// Changes with every change that somebody makes.
    pub(crate) fn etag(&self) -> String {
        format!("{:x}-{}", self.update_time.0, self.send_count)
    }

    /// Refuses whoever has seen another state of it. An empty etag is that of who does not mind.
    pub(crate) fn require_etag(&self, etag: &str) -> Result<(), Error> {
        if etag.is_empty() || etag == self.etag() { Ok(()) } else { Err(Error::EtagMismatch) }
    }

    /// What the caller who made it wants to find again.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.annotations).unwrap_or_default()
    }

    /// Where it stands at `now`.
    pub(crate) fn state_at(&self, now: Timestamp) -> State {
        let overdue = self.state == State::Pending && self.claim_id.is_none() && self.expire_time <= now;
        if overdue { State::Expired } else { self.state }
    }

    /// Refuses an invitation that cannot be accepted at `now`, with the reason.
    pub(crate) fn require_pending(&self, now: Timestamp) -> Result<(), Error> {
        match self.state_at(now) {
            State::Pending => Ok(()),
            State::Accepted => Err(Error::AlreadyAccepted(self.name())),
            State::Revoked => Err(Error::Revoked(self.name())),
            State::Expired => Err(Error::Expired(self.name())),
            State::Declined => Err(Error::Declined(self.name())),
        }
    }

    /// The resource, with those of its grants that the reader may see.
    pub(crate) fn to_proto(&self, grants: &[grant::Model], now: Timestamp) -> pb::Invitation {
        let accepted = self.state == State::Accepted;
        pb::Invitation {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            email: self.email.clone(),
            display_name: self.display_name.clone(),
            grants: grants.iter().map(grant::Model::to_proto).collect(),
            inviter: self.inviter().principal.to_string(),
            on_behalf_of: self.on_behalf_of_id.map(|id| UserName(id).to_string()).unwrap_or_default(),
            state: pb::InvitationState::from(self.state_at(now)).into(),
            delivery_state: pb::DeliveryState::from(self.delivery_state).into(),
            send_count: self.send_count,
            etag: self.etag(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
            last_send_time: self.last_send_time.map(Into::into),
            expire_time: Some(self.expire_time.into()),
            accept_time: self.accept_time.map(Into::into),
            revoke_time: self.revoke_time.map(Into::into),
            revoke_reason: revoke_reason(self.revoke_reason).into(),
            decline_time: self.decline_time.map(Into::into),
            purge_time: self.purge_time.map(Into::into),
            purged: self.purged,
            invitee: self
                .invitee_id
                .filter(|_| accepted)
                .map(|id| UserName(id).to_string())
                .unwrap_or_default(),
            message: self.message.clone(),
            locale: self.locale.clone(),
            annotations: self.annotations().into_iter().collect(),
        }
    }
}

impl DeliveryState {
    /// The stored form. `None` for what is never stored.
    pub(crate) fn from_proto(state: pb::DeliveryState) -> Option<Self> {
        Self::iter().find(|known| pb::DeliveryState::from(*known) == state)
    }
}

impl From<State> for pb::InvitationState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Accepted => Self::Accepted,
            State::Revoked => Self::Revoked,
            State::Expired => Self::Expired,
            State::Declined => Self::Declined,
        }
    }
}

pub(crate) fn revoke_reason(reason: Option<RevokeReason>) -> pb::RevokeReason {
    match reason {
        None => pb::RevokeReason::Unspecified,
        Some(RevokeReason::Requested) => pb::RevokeReason::Requested,
        Some(RevokeReason::Superseded) => pb::RevokeReason::Superseded,
        Some(RevokeReason::InviterEnded) => pb::RevokeReason::InviterEnded,
        Some(RevokeReason::MembershipEnded) => pb::RevokeReason::MembershipEnded,
    }
}

impl From<DeliveryState> for pb::DeliveryState {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Queued => Self::Queued,
            DeliveryState::Sent => Self::Sent,
            DeliveryState::Deferred => Self::Deferred,
            DeliveryState::Failed => Self::Failed,
            DeliveryState::Skipped => Self::Skipped,
            DeliveryState::Suppressed => Self::Suppressed,
        }
    }
}
