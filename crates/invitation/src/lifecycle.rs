//! The states of an invitation and the one way to change them: a compare-and-set on the row, and the event in the same
//! change.
//!
//! ```text
//! PENDING ── accept ──▶ ACCEPTED
//!    │ ▲─── resend ──┐
//!    ├── expire ──▶ EXPIRED
//!    ├── decline ─▶ DECLINED
//!    └── revoke ──▶ REVOKED
//! ```

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, IntoCondition};
use usher_api::invitation::InvitationEvent;
use usher_api::name::UserName;
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::{Actor, Change, Timestamp, database};

use crate::Invitation;
use crate::entity::invitation::{Column, Entity, Model, RevokeReason, State, revoke_reason};
use crate::entity::{grant, history, token};
use crate::error::Error;
use crate::inviter::Columns;

/// What happened to an invitation, as others learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Created {
        notify: bool,
    },
    Resent {
        notify: bool,
    },
    Updated {
        by: Actor,
    },
    Sent,
    DeliveryFailed,
    Accepted,
    Declined,
    /// By somebody, or by what happened elsewhere.
    Revoked {
        by: Option<Actor>,
    },
    Expired,
    ReminderDue {
        notify: bool,
    },
    Purged,
}

impl Fact {
    fn kind(self) -> &'static str {
        match self {
            Self::Created { .. } => "invitation.created",
            Self::Resent { .. } => "invitation.resent",
            Self::Updated { .. } => "invitation.updated",
            Self::Sent => "invitation.sent",
            Self::DeliveryFailed => "invitation.delivery_failed",
            Self::Accepted => "invitation.accepted",
            Self::Declined => "invitation.declined",
            Self::Revoked { .. } => "invitation.revoked",
            Self::Expired => "invitation.expired",
            Self::ReminderDue { .. } => "invitation.reminder_due",
            Self::Purged => "invitation.purged",
        }
    }

    fn stored(self) -> history::Fact {
        match self {
            Self::Created { .. } => history::Fact::Created,
            Self::Resent { .. } => history::Fact::Resent,
            Self::Updated { .. } => history::Fact::Updated,
            Self::Sent => history::Fact::Sent,
            Self::DeliveryFailed => history::Fact::DeliveryFailed,
            Self::Accepted => history::Fact::Accepted,
            Self::Declined => history::Fact::Declined,
            Self::Revoked { .. } => history::Fact::Revoked,
            Self::Expired => history::Fact::Expired,
            Self::ReminderDue { .. } => history::Fact::ReminderDue,
            Self::Purged => history::Fact::Purged,
        }
    }

    /// Who made `row` what it is.
    fn actor(self, row: &Model) -> Option<Actor> {
        match self {
            Self::Created { .. } | Self::Resent { .. } => Some(row.inviter()),
            Self::Updated { by } => Some(by),
            Self::Accepted => row.invitee_id.map(|id| UserName(id).into()),
            Self::Revoked { by } => by,
            Self::Sent
            | Self::DeliveryFailed
            | Self::Declined
            | Self::Expired
            | Self::ReminderDue { .. }
            | Self::Purged => None,
        }
    }
}

/// Records that `fact` made `row` what it is. The row's version must have been raised by one in the same change.
pub(crate) async fn tell(
    service: &Invitation,
    change: &Change,
    row: &Model,
    fact: Fact,
) -> Result<(), Error> {
    let grants = grant::of_invitation(&**change, row.id).await?;
    tell_all(service, change, [(row, grants.as_slice(), fact)]).await
}

/// As [`tell`], of many invitations to which the same happened, in few statements.
pub(crate) async fn tell_each(
    service: &Invitation,
    change: &Change,
    rows: &[Model],
    fact: Fact,
) -> Result<(), Error> {
    let grants = grant::of_invitations(&**change, rows.iter().map(|row| row.id)).await?;
    let facts = rows.iter().map(|row| (row, grants.get(&row.id).map_or(&[][..], Vec::as_slice), fact));
    tell_all(service, change, facts).await
}

/// As [`tell`], of many invitations whose grants are known, in few statements however many they are.
pub(crate) async fn tell_all<'a>(
    service: &Invitation,
    change: &Change,
    facts: impl IntoIterator<Item = (&'a Model, &'a [grant::Model], Fact)>,
) -> Result<(), Error> {
    let now = service.clock.now();
    let facts: Vec<_> =
        facts.into_iter().map(|(row, grants, fact)| (row, fact, message(row, grants, fact, now))).collect();
    let events = facts.iter().map(|(row, fact, message)| NewEvent {
        id: service.random.uuid(now),
        kind: fact.kind(),
        resource: row.name().to_string(),
        version: row.version,
        occur_time: now,
        message,
    });
    outbox::record_all(change, events).await?;
    let history = facts.iter().map(|(row, fact, _)| {
        let actor = fact.actor(row);
        let Columns { program, on_behalf_of, .. } = actor.map(Columns::from).unwrap_or_default();
        history::Model {
            invitation_id: row.id,
            version: row.version,
            root_id: row.root_id,
            place: None,
            fact: fact.stored(),
            state: row.state,
            actor_id: actor.map(|actor| actor.principal.id()),
            actor_program: program,
            on_behalf_of_id: on_behalf_of,
            occur_time: now,
        }
    });
    Ok(crate::history::record(change, history.collect()).await?)
}

fn message(row: &Model, grants: &[grant::Model], fact: Fact, now: Timestamp) -> InvitationEvent {
    let actor = fact.actor(row);
    let represented = actor.and_then(|actor| actor.on_behalf_of);
    InvitationEvent {
        invitation: row.name().to_string(),
        version: row.version,
        state: usher_api::invitation::InvitationState::from(row.state).into(),
        notify: matches!(
            fact,
            Fact::Created { notify: true }
                | Fact::Resent { notify: true }
                | Fact::ReminderDue { notify: true }
        ),
        invitee: match fact {
            Fact::Accepted => row.invitee_id.map(|id| UserName(id).to_string()).unwrap_or_default(),
            _ => String::new(),
        },
        occur_time: Some(now.into()),
        grants: grants.iter().map(grant::Model::to_proto).collect(),
        revoke_reason: revoke_reason(row.revoke_reason).into(),
        actor: actor.map(|actor| actor.principal.to_string()).unwrap_or_default(),
        on_behalf_of: represented.map(|user| user.to_string()).unwrap_or_default(),
        expire_time: Some(row.expire_time.into()),
    }
}

/// Rows that are pending, by the database's clock, and not being accepted.
pub(crate) fn free_and_pending(connection: &impl sea_orm::ConnectionTrait) -> Condition {
    free_pending_rows().add(Expr::col(Column::ExpireTime).gt(database::now(connection)))
}

/// Rows whose time is over, by the database's clock, and which nobody is accepting.
fn overdue(connection: &impl sea_orm::ConnectionTrait) -> Condition {
    free_pending_rows().add(Expr::col(Column::ExpireTime).lte(database::now(connection)))
}

fn free_pending_rows() -> Condition {
    Condition::all().add(Column::State.eq(State::Pending)).add(Column::ClaimId.is_null())
}

/// Makes overdue invitations among `which` expired, as far as they are not already, and says so.
pub(crate) async fn expire(
    service: &Invitation,
    change: &Change,
    which: impl IntoCondition,
) -> Result<usize, Error> {
    let rows = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Expired))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(service.clock.now()))
        .filter(overdue(&**change))
        .filter(which.into_condition())
        .exec_with_returning(&**change)
        .await?;
    end_grants(change, rows.iter().map(|row| row.id)).await?;
    tell_each(service, change, &rows, Fact::Expired).await?;
    Ok(rows.len())
}

/// Revokes the invitation unless its time is over by the database's clock. `row` must be locked in `change`.
pub(crate) async fn revoke(
    service: &Invitation,
    change: &Change,
    row: &Model,
    reason: RevokeReason,
    by: Option<Actor>,
) -> Result<Model, Error> {
    let ending = [
        (Column::State, Expr::value(State::Revoked)),
        (Column::RevokeTime, Expr::value(service.clock.now())),
        (Column::RevokeReason, Expr::value(reason)),
    ];
    end(service, change, row, ending, Fact::Revoked { by }).await
}

/// Revokes those of the invitations that are pending and that nobody is accepting, for somebody who asked for it. Returns those
/// that were revoked.
pub(crate) async fn revoke_all(
    service: &Invitation,
    change: &Change,
    ids: Vec<Uuid>,
    by: Actor,
) -> Result<Vec<Model>, Error> {
    let now = service.clock.now();
    let rows = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Revoked))
        .col_expr(Column::RevokeTime, Expr::value(now))
        .col_expr(Column::RevokeReason, Expr::value(RevokeReason::Requested))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.is_in(ids))
        .filter(free_and_pending(&**change))
        .exec_with_returning(&**change)
        .await?;
    end_grants(change, rows.iter().map(|row| row.id)).await?;
    tell_each(service, change, &rows, Fact::Revoked { by: Some(by) }).await?;
    Ok(rows)
}

/// Declines the invitation unless its time is over by the database's clock. `row` must be locked in `change`.
pub(crate) async fn decline(service: &Invitation, change: &Change, row: &Model) -> Result<Model, Error> {
    let ending = [
        (Column::State, Expr::value(State::Declined)),
        (Column::DeclineTime, Expr::value(service.clock.now())),
    ];
    end(service, change, row, ending, Fact::Declined).await
}

async fn end(
    service: &Invitation,
    change: &Change,
    row: &Model,
    ending: impl IntoIterator<Item = (Column, Expr)>,
    fact: Fact,
) -> Result<Model, Error> {
    let row = set(service, change, row, ending).await?;
    end_grants(change, std::iter::once(row.id)).await?;
    tell(service, change, &row, fact).await?;
    Ok(row)
}

/// Changes columns of the invitation, which stays pending, unless its time is over by the database's clock. `row` must be
/// locked in `change`, and what it offers already be what it will.
pub(crate) async fn update(
    service: &Invitation,
    change: &Change,
    row: &Model,
    values: impl IntoIterator<Item = (Column, Expr)>,
    by: Actor,
) -> Result<Model, Error> {
    let row = set(service, change, row, values).await?;
    tell(service, change, &row, Fact::Updated { by }).await?;
    Ok(row)
}

async fn set(
    service: &Invitation,
    change: &Change,
    row: &Model,
    values: impl IntoIterator<Item = (Column, Expr)>,
) -> Result<Model, Error> {
    let mut update = Entity::update_many();
    for (column, value) in values {
        update = update.col_expr(column, value);
    }
    let updated = update
        .col_expr(Column::UpdateTime, Expr::value(service.clock.now()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(row.id))
        .filter(free_and_pending(&**change))
        .exec_with_returning(&**change)
        .await?;
    updated.into_iter().next().ok_or_else(|| Error::Expired(row.name()))
}

/// Frees the communities of invitations that ended, for new ones to the same person.
pub(crate) async fn end_grants(
    change: &Change,
    invitations: impl Iterator<Item = Uuid>,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = invitations.collect();
    if !ids.is_empty() {
        grant::Entity::update_many()
            .col_expr(grant::Column::Live, Expr::value(false))
            .filter(grant::Column::InvitationId.is_in(ids))
            .exec(&**change)
            .await?;
    }
    Ok(())
}

/// Makes every link of the invitation stop working.
pub(crate) async fn forget_tokens(change: &Change, invitation: Uuid) -> Result<(), Error> {
    token::Entity::delete_many().filter(token::Column::InvitationId.eq(invitation)).exec(&**change).await?;
    Ok(())
}
