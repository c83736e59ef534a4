//! Stopping communities and letting them go on: who may, and the one way to do it.
//!
//! ```text
//! ACTIVE ── suspend ──▶ SUSPENDED ── reactivate ──▶ ACTIVE
//! ACTIVE ── delete ──▶ DELETED ── undelete ──▶ ACTIVE
//!                         └── purge_time ──▶ gone
//! ```

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Change, Failure, Timestamp, database};

use crate::Community;
use crate::access::Reach;
use crate::authority::{denied, standing_of_caller};
use crate::catalogue::{COMMUNITIES_DELETE, COMMUNITIES_UPDATE};
use crate::entity::community::{Column, Entity, Model, State};
use crate::error::Error;
use crate::event::{self, CommunityFact};
use crate::tree::HeldCommunity;

/// Refuses who may not suspend and reactivate `community`: those inside an MSSP community are stopped by its holders of
/// `communities.update` who reach all inside; those at the top by platform administrators, so that nobody undoes by himself what
/// the operator did to him.
pub(crate) async fn require_power_to_suspend(
    service: &Community,
    caller: &Caller,
    community: CommunityName,
) -> Result<(), Error> {
    let refusal = || Error::from(denied(COMMUNITIES_UPDATE, community));
    let row = Entity::find_by_id(community.0).one(&*service.database).await?;
    let platform_admin = caller.is_platform_admin();
    let parent = match row {
        None if platform_admin => return Err(Error::CommunityNotFound(community)),
        None => return Err(refusal()),
        Some(row) => row.parent(),
    };
    let Some(parent) = parent else { return if platform_admin { Ok(()) } else { Err(refusal()) } };
    let (standing, known) = standing_of_caller(service, caller, COMMUNITIES_UPDATE, parent).await?;
    let known = known.ok_or_else(refusal)?;
    match standing.place {
        _ if standing.allows(&known, Reach::Subtree) => Ok(()),
        Some(place) if standing.as_if_active().allows(&known, Reach::Subtree) => {
            Err(Error::CommunityNotActive { community: parent, state: place.effective_state() })
        }
        _ => Err(refusal()),
    }
}

/// Refuses who may not delete and undelete `community`: holders of `communities.delete` there may, apart from its state, and
/// platform administrators if it is at the top.
pub(crate) async fn require_power_to_delete(
    service: &Community,
    caller: &Caller,
    community: CommunityName,
) -> Result<(), Error> {
    let (standing, known) = standing_of_caller(service, caller, COMMUNITIES_DELETE, community).await?;
    if known.is_some_and(|known| standing.as_if_active().allows(&known, Reach::Here)) {
        return Ok(());
    }
    match (caller.is_platform_admin(), standing.place) {
        (true, None) => Err(Error::CommunityNotFound(community)),
        (true, Some(place)) if place.root == community => Ok(()),
        _ => Err(denied(COMMUNITIES_DELETE, community).into()),
    }
}

/// Refuses a community below one that is stopped: what happens to it is decided above.
pub(crate) fn require_active_root(community: &HeldCommunity) -> Result<(), Error> {
    let (row, root) = (&community.row, &community.root);
    if row.id == root.id || root.state == State::Active {
        return Ok(());
    }
    Err(Error::CommunityNotActive { community: root.name(), state: root.state })
}

/// Refuses a deleted community whose end has come, by the database's clock. To others it is as if it were destroyed already.
pub(crate) async fn require_before_end(change: &Change, row: &Model) -> Result<(), Error> {
    let alive = Entity::find_by_id(row.id).filter(Expr::col(Column::PurgeTime).gt(database::now(&**change)));
    match alive.one(&**change).await? {
        Some(_) => Ok(()),
        None => Err(Error::CommunityNotFound(row.name())),
    }
}

/// Puts a community whose tree is held into `state`, and tells it as `fact`. Deleted ones get the time of their end.
pub(crate) async fn put(
    service: &Community,
    change: &Change,
    community: &HeldCommunity,
    state: State,
    fact: CommunityFact,
) -> Result<Model, Error> {
    let now = service.clock.now();
    let (delete_time, purge_time): (Option<Timestamp>, Option<Timestamp>) = match state {
        State::Deleted => (Some(now), Some(now.after(service.config.purge_delay))),
        State::Active | State::Suspended => (None, None),
    };
    let rows = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::DeleteTime, Expr::value(delete_time))
        .col_expr(Column::PurgeTime, Expr::value(purge_time))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .filter(Column::Id.eq(community.row.id))
        .exec_with_returning(&**change)
        .await?;
    let row = rows.into_iter().next().ok_or(Failure::ConcurrentChange)?;
    event::of_community(service, change, &row, fact).await?;
    tracing::info!(community = %row.name(), ?state, "community {} is {state:?} now", row.id);
    Ok(row)
}
