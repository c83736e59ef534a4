//! Seats: how many active members a community may have, by its settings or those above it.

use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _};
use usher_runtime::Change;

use crate::entity::community;
use crate::entity::member::{Column, Entity, State};
use crate::error::Error;
use crate::settings::Settings;

/// Refuses if `community`, whose tree is held, has no seat left for one more active member.
pub(crate) async fn require_one(
    change: &Change,
    community: &community::Model,
    settings: &Settings,
) -> Result<(), Error> {
    let Some(limit) = settings.seat_limit else { return Ok(()) };
    // No more are counted than matter, however many there are.
    let taken = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Column::CommunityId.eq(community.id))
        .and_where(Column::State.eq(State::Active))
        .limit(u64::try_from(limit).unwrap_or(0))
        .to_owned();
    let count = Query::select()
        .expr_as(Expr::col(Asterisk).count(), Alias::new("taken"))
        .from_subquery(taken, Alias::new("taken_seat"))
        .to_owned();
    let row = change.query_one(&count).await?;
    let taken: i64 = row.map(|row| row.try_get("", "taken")).transpose()?.unwrap_or(0);
    if taken < limit { Ok(()) } else { Err(Error::SeatLimitReached { community: community.name(), limit }) }
}
