//! Members who stay away, in communities that ask for their suspension.
//!
//! Somebody stays away when he was last seen so long ago that the configured time (90 days) is over. Whoever was reactivated gets
//! the rest of that day, in UTC: if he does not sign in by midnight, he is suspended again.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, Func, Query, SelectStatement};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, JoinType, Order};
use usher_api::name::{CommunityName, MemberName, UserName};
use usher_runtime::Timestamp;
use uuid::Uuid;

use crate::entity::member::{self, State, SuspendReason};
use crate::entity::{community, person, settings};
use crate::error::Error;
use crate::membership::HeldMember;
use crate::settings::InForce;
use crate::sweeper::BATCH;
use crate::{Community, administrators, people};

/// A day of UTC in microseconds, without leap seconds, as in all timestamps.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Whether a member stayed away too long.
fn is_absent(
    member: &member::Model,
    last_seen: Option<Timestamp>,
    now: Timestamp,
    inactive_after: Duration,
) -> bool {
    // Who was never seen came with his membership.
    let last = std::cmp::max(last_seen.unwrap_or(member.create_time), member.create_time);
    let away = last.after(inactive_after) <= now;
    let day_is_over = member.reactivate_time.is_none_or(|time| {
        let midnight = (time.0.div_euclid(DAY) + 1) * DAY;
        last < time && midnight <= now.0
    });
    away && (day_is_over || member.reactivate_time.is_some_and(|time| last >= time))
}

/// Suspends who stayed away. The copy of what the identity service knows may be late, so that service is asked before anybody
/// is suspended.
pub(crate) async fn suspend_absent_members(service: &Community) -> Result<(), Error> {
    let mut after: Option<(Uuid, Uuid)> = None;
    loop {
        let mut candidates = Vec::new();
        for row in service.database.query_all(&perhaps_absent(service, after)).await? {
            candidates.push((row.try_get::<Uuid>("", "community_id")?, row.try_get::<Uuid>("", "user_id")?));
        }
        let Some(last) = candidates.last().copied() else { return Ok(()) };
        for (community, user) in candidates {
            suspend_if_absent(service, MemberName { community: CommunityName(community), user }).await?;
        }
        after = Some(last);
    }
}

/// Active members who, by the copy, were not seen for long, in communities that ask for it or whose root does.
fn perhaps_absent(service: &Community, after: Option<(Uuid, Uuid)>) -> SelectStatement {
    let column = |column| Expr::col((member::Entity, column));
    let limit = service.clock.now().before(service.config.inactive_after);
    let last_seen = Expr::col((person::Entity, person::Column::LastSeenTime));
    let seen = Func::coalesce([last_seen, column(member::Column::CreateTime)]);
    let of_member =
        Expr::col((person::Entity, person::Column::UserId)).equals((member::Entity, member::Column::UserId));
    let mut select = Query::select();
    select
        .columns([(member::Entity, member::Column::CommunityId), (member::Entity, member::Column::UserId)])
        .from(member::Entity)
        .join(JoinType::InnerJoin, person::Entity, of_member)
        .and_where(column(member::Column::CommunityId).in_subquery(asking_communities()))
        .and_where(column(member::Column::State).eq(State::Active))
        .and_where(column(member::Column::CreateTime).lte(limit))
        .and_where(Expr::expr(seen).lte(limit))
        .order_by((member::Entity, member::Column::CommunityId), Order::Asc)
        .order_by((member::Entity, member::Column::UserId), Order::Asc)
        .limit(BATCH);
    if let Some((community, user)) = after {
        let same = column(member::Column::CommunityId).eq(community);
        let next = column(member::Column::CommunityId)
            .gt(community)
            .or(same.and(column(member::Column::UserId).gt(user)));
        select.and_where(next);
    }
    select
}

/// Selects the communities that ask for it, or whose root does. Most ask for nothing, so the search begins here.
fn asking_communities() -> SelectStatement {
    let of_settings = (settings::Entity, settings::Column::CommunityId);
    let own_or_above = Expr::col((community::Entity, community::Column::Id))
        .equals(of_settings)
        .or(Expr::col((community::Entity, community::Column::RootId)).equals(of_settings));
    Query::select()
        .column((community::Entity, community::Column::Id))
        .from(settings::Entity)
        .join(JoinType::InnerJoin, community::Entity, own_or_above)
        .and_where(settings::Column::DeactivateInactiveMembers.eq(true))
        .to_owned()
}

async fn suspend_if_absent(service: &Community, name: MemberName) -> Result<(), Error> {
    let Some(person) = people::learn(service, UserName(name.user)).await? else { return Ok(()) };
    let change = service.database.change().await?;
    let mut member = match HeldMember::take(&change, name).await {
        Ok(member) => member,
        // Gone, or stopped: nothing to do any more.
        Err(Error::Shared(failure)) => return Err(failure.into()),
        Err(_) => return Ok(()),
    };
    let asked = InForce::load(&*change, &member.community.row).await?.effective.deactivate_inactive_members;
    let last_seen =
        people::find(&*change, [name.user]).await?.get(&name.user).and_then(|it| it.last_seen_time);
    let last_seen = std::cmp::max(last_seen, person.last_seen_time);
    let absent = is_absent(&member.row, last_seen, service.clock.now(), service.config.inactive_after);
    if !asked || !absent || member.row.state != State::Active {
        return Ok(());
    }
    member.suspend(service, &change, SuspendReason::Inactive).await?;
    match administrators::require_one(&change, &member.community.root).await {
        Ok(()) => {}
        Err(Error::LastAdministrator(_)) => {
            tracing::debug!(member = %name, "absent member stays: he is the last administrator");
            return Ok(());
        }
        Err(other) => return Err(other),
    }
    change.commit().await?;
    tracing::info!(member = %name, "absent member {} suspended", name.user);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINETY: Duration = Duration::from_hours(90 * 24);

    fn member(create_time: i64, reactivate_time: Option<i64>) -> member::Model {
        member::Model {
            community_id: Uuid::nil(),
            user_id: Uuid::nil(),
            state: State::Active,
            inherits: false,
            name_key: String::new(),
            email_key: String::new(),
            person_known: true,
            annotations: String::new(),
            version: 1,
            create_time: Timestamp(create_time),
            update_time: Timestamp(create_time),
            suspend_reason: None,
            reactivate_time: reactivate_time.map(Timestamp),
        }
    }

    fn absent(member: &member::Model, last_seen: Option<i64>, now: i64) -> bool {
        is_absent(member, last_seen.map(Timestamp), Timestamp(now), NINETY)
    }

    #[test]
    fn ninety_days_count_from_when_somebody_was_seen() {
        let member = member(0, None);
        assert!(!absent(&member, Some(10 * DAY), 100 * DAY - 1));
        assert!(absent(&member, Some(10 * DAY), 100 * DAY));
        assert!(!absent(&member, None, 90 * DAY - 1));
        assert!(absent(&member, None, 90 * DAY));
    }

    #[test]
    fn a_new_member_is_not_absent_however_long_he_was_not_seen() {
        assert!(!absent(&member(100 * DAY, None), Some(0), 101 * DAY));
    }

    #[test]
    fn whoever_is_reactivated_has_until_midnight() {
        let back_at_noon = member(0, Some(200 * DAY + DAY / 2));
        assert!(!absent(&back_at_noon, Some(10 * DAY), 201 * DAY - 1));
        assert!(absent(&back_at_noon, Some(10 * DAY), 201 * DAY));
        let seen_in_the_evening = Some(200 * DAY + DAY * 3 / 4);
        assert!(!absent(&back_at_noon, seen_in_the_evening, 201 * DAY));
        assert!(!absent(&back_at_noon, seen_in_the_evening, 290 * DAY));
        assert!(absent(&back_at_noon, seen_in_the_evening, 291 * DAY));
    }
}
