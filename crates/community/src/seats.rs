//! Seats: how many a community has, by its settings or those above it, and who takes them: active members, and pending
//! invitations.
//!
//! An invitation and its seats are in two databases. A seat is asked for before the invitation is written, and kept under a lease:
//! if the process dies before it has written the invitation, the lease ends by itself. The events of the invitation tell the rest:
//! while it is pending the seat is its own, and free when it ends. Accepting turns the seat into the member's in the same change.

use sea_orm::sea_query::{
    Alias, Asterisk, Condition, Expr, ExprTrait as _, OnConflict, Query, SelectStatement,
};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _,
};
use usher_runtime::{Change, Timestamp, database};
use uuid::Uuid;

use crate::entity::seat_reservation::{self, Column as Seat};
use crate::entity::{community, member};
use crate::error::Error;
use crate::settings::Settings;

/// Refuses if `community`, whose tree is held, has no seat left for one more active member.
pub(crate) async fn require_one(
    change: &Change,
    community: &community::Model,
    settings: &Settings,
) -> Result<(), Error> {
    require(change, community, settings, None).await
}

/// As [`require_one`], for somebody who accepts `invitation`. If a seat is kept for it, only members are in its way: should the
/// limit have been lowered, those who were promised a seat take what is left as they come.
pub(crate) async fn require_for(
    change: &Change,
    community: &community::Model,
    settings: &Settings,
    invitation: Uuid,
) -> Result<(), Error> {
    require(change, community, settings, Some(invitation)).await
}

async fn require(
    change: &Change,
    community: &community::Model,
    settings: &Settings,
    invitation: Option<Uuid>,
) -> Result<(), Error> {
    let Some(limit) = settings.seat_limit else { return Ok(()) };
    let kept = match invitation {
        Some(invitation) => is_kept(change, community.id, invitation).await?,
        None => false,
    };
    let members = count(&**change, members(community.id, limit)).await?;
    let reserved =
        if kept { 0 } else { count(&**change, reserved(&**change, community.id, limit, &[])).await? };
    if members + reserved < limit {
        Ok(())
    } else {
        Err(Error::SeatLimitReached { community: community.name(), limit })
    }
}

async fn is_kept(change: &Change, community: Uuid, invitation: Uuid) -> Result<bool, DbErr> {
    let row = seat_reservation::Entity::find_by_id((invitation, community))
        .filter(counts(&**change))
        .one(&**change)
        .await?;
    Ok(row.is_some())
}

/// How many seats of `community` are taken, up to `limit` or a little more. The seats of `but` are left out.
pub(crate) async fn taken(
    connection: &impl ConnectionTrait,
    community: Uuid,
    limit: i64,
    but: &[Uuid],
) -> Result<i64, DbErr> {
    let members = count(connection, members(community, limit)).await?;
    Ok(members + count(connection, reserved(connection, community, limit, but)).await?)
}

/// The active members. No more than `limit`, however many there are: more do not matter.
fn members(community: Uuid, limit: i64) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(member::Entity)
        .and_where(member::Column::CommunityId.eq(community))
        .and_where(member::Column::State.eq(member::State::Active))
        .limit(u64::try_from(limit).unwrap_or(0))
        .to_owned()
}

/// The seats that invitations hold. No more than `limit`.
fn reserved(connection: &impl ConnectionTrait, community: Uuid, limit: i64, but: &[Uuid]) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(seat_reservation::Entity)
        .and_where(Seat::CommunityId.eq(community))
        .and_where(Seat::InvitationId.is_not_in(but.iter().copied()))
        .cond_where(counts(connection))
        .limit(u64::try_from(limit).unwrap_or(0))
        .to_owned()
}

fn counts(connection: &impl ConnectionTrait) -> Condition {
    let leased = Expr::col(Seat::LeaseTime).gt(database::now(connection));
    Condition::any().add(Seat::Confirmed.eq(true)).add(leased)
}

async fn count(connection: &impl ConnectionTrait, what: SelectStatement) -> Result<i64, DbErr> {
    let count = Query::select()
        .expr_as(Expr::col(Asterisk).count(), Alias::new("taken"))
        .from_subquery(what, Alias::new("taken_seat"))
        .to_owned();
    let row = connection.query_one(&count).await?;
    Ok(row.map(|row| row.try_get("", "taken")).transpose()?.unwrap_or(0))
}

/// A seat that an invitation is to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) invitation: Uuid,
    pub(crate) community: Uuid,
    /// See [`seat_reservation::Model::after_version`].
    pub(crate) after_version: i64,
    /// Whether the invitation has ended, of which the event may not have come. Otherwise it keeps a seat that it has.
    pub(crate) anew: bool,
}

/// Keeps seats until `lease_time`. Whether they are free must have been judged in the same change, where there is a limit.
pub(crate) async fn keep(
    connection: &impl ConnectionTrait,
    wanted: &[Wanted],
    lease_time: Timestamp,
) -> Result<(), DbErr> {
    let target = || OnConflict::columns([Seat::InvitationId, Seat::CommunityId]);
    let renew = || target().update_columns([Seat::LeaseTime, Seat::AfterVersion]).to_owned();
    let row = |column| Expr::col((seat_reservation::Entity, column));
    let over = row(Seat::LeaseTime).lte(database::now(connection)).and(row(Seat::Confirmed).eq(false));
    for (anew, conflict) in [(true, renew()), (false, renew().action_and_where(over).to_owned())] {
        let seats = wanted.iter().filter(|seat| seat.anew == anew);
        let rows: Vec<_> = seats.map(|seat| seat.row(lease_time).reset_all()).collect();
        if !rows.is_empty() {
            let insert = seat_reservation::Entity::insert_many(rows).on_conflict(conflict);
            insert.exec_without_returning(connection).await?;
        }
    }
    Ok(())
}

impl Wanted {
    fn row(self, lease_time: Timestamp) -> seat_reservation::ActiveModel {
        let row = seat_reservation::Model {
            invitation_id: self.invitation,
            community_id: self.community,
            confirmed: false,
            lease_time: Some(lease_time),
            after_version: self.after_version,
        };
        row.into()
    }
}

/// Notes that event `version` of the invitation told that it offers something in `communities` and is pending, or in none because
/// it has ended. What was asked for after that event waits for a later one.
pub(crate) async fn note(
    change: &Change,
    invitation: Uuid,
    version: i64,
    communities: &[Uuid],
) -> Result<(), DbErr> {
    let offered = || Seat::CommunityId.is_in(communities.iter().copied());
    let heard = || Seat::InvitationId.eq(invitation).and(Seat::AfterVersion.lt(version));
    seat_reservation::Entity::delete_many().filter(heard()).filter(offered().not()).exec(&**change).await?;
    seat_reservation::Entity::update_many()
        .col_expr(Seat::Confirmed, Expr::value(true))
        .col_expr(Seat::LeaseTime, Expr::value(None::<i64>))
        .filter(heard())
        .exec(&**change)
        .await?;
    seat_reservation::Entity::update_many()
        .col_expr(Seat::Confirmed, Expr::value(false))
        .filter(Seat::InvitationId.eq(invitation))
        .filter(offered().not())
        .exec(&**change)
        .await?;
    Ok(())
}

/// Gives the seats back that `invitations` asked for after event `version`, since they were not written after all.
pub(crate) async fn release(change: &Change, invitations: &[Uuid], version: i64) -> Result<(), DbErr> {
    let these = || Seat::InvitationId.is_in(invitations.iter().copied()).and(Seat::AfterVersion.eq(version));
    seat_reservation::Entity::delete_many()
        .filter(these())
        .filter(Seat::Confirmed.eq(false))
        .exec(&**change)
        .await?;
    seat_reservation::Entity::update_many()
        .col_expr(Seat::LeaseTime, Expr::value(None::<i64>))
        .filter(these())
        .exec(&**change)
        .await?;
    Ok(())
}

/// The seats of an accepted invitation are the member's now.
pub(crate) async fn convert(change: &Change, invitation: Uuid) -> Result<(), DbErr> {
    seat_reservation::Entity::delete_many().filter(Seat::InvitationId.eq(invitation)).exec(&**change).await?;
    Ok(())
}

/// Deletes what was kept for invitations of which nothing was heard for a day after the lease.
pub(crate) async fn forget_unheard(change: &Change, now: Timestamp) -> Result<(), DbErr> {
    let day = std::time::Duration::from_hours(24);
    seat_reservation::Entity::delete_many()
        .filter(Seat::Confirmed.eq(false))
        .filter(Seat::LeaseTime.lt(now.before(day)))
        .exec(&**change)
        .await?;
    Ok(())
}
