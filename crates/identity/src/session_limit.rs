//! How long a session may stay unused: of what the person's communities ask, the shortest.
//!
//! What communities ask, and who belongs to them, is known from the community service's events. So a change there counts from the
//! next refresh on, a moment later.

use std::time::Duration;

use sea_orm::sea_query::{Condition, Expr, ExprTrait as _, IntoCondition, Query, SelectStatement};
use sea_orm::{ColumnTrait as _, ConnectionTrait, JoinType};
use uuid::Uuid;

use crate::Identity;
use crate::entity::{community_rule, membership, session};
use crate::error::Error;

/// For a session of `account`.
pub(crate) async fn of_account(
    reader: &impl ConnectionTrait,
    service: &Identity,
    account: Uuid,
) -> Result<Duration, Error> {
    shortest(reader, service, membership::Column::AccountId.eq(account)).await
}

/// For the session whose refresh tokens have this family hash, whoever's it is.
pub(crate) async fn of_family(service: &Identity, family_hash: &[u8]) -> Result<Duration, Error> {
    let account = Query::select()
        .column(session::Column::AccountId)
        .from(session::Entity)
        .and_where(session::Column::FamilyHash.eq(family_hash))
        .to_owned();
    shortest(&*service.database, service, membership::Column::AccountId.in_subquery(account)).await
}

async fn shortest(reader: &impl ConnectionTrait, service: &Identity, whose: Expr) -> Result<Duration, Error> {
    let row = reader.query_one(&asked_of(whose)).await?;
    let asked: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    let asked = asked.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let longest = service.config.session_life;
    Ok(asked.map_or(longest, |asked| asked.min(longest)))
}

/// Selects the shortest duration that a community asks for to which an account of `whose` belongs: by itself, by the community
/// above, or by all inside for a member whose role reaches them.
fn asked_of(whose: Expr) -> SelectStatement {
    let rule = |column| Expr::col((community_rule::Entity, column));
    let member = |column| (membership::Entity, column);
    let concerns = Condition::any()
        .add(rule(community_rule::Column::CommunityId).equals(member(membership::Column::CommunityId)))
        .add(rule(community_rule::Column::CommunityId).equals(member(membership::Column::RootId)))
        .add(Expr::col(member(membership::Column::Inherits)).eq(true));
    let same_tree = rule(community_rule::Column::RootId).equals(member(membership::Column::RootId));
    Query::select()
        .expr(rule(community_rule::Column::SessionDuration).min())
        .from(membership::Entity)
        .join(JoinType::InnerJoin, community_rule::Entity, same_tree.into_condition().add(concerns))
        .and_where(whose)
        .and_where(membership::Column::Active.eq(true))
        .and_where(community_rule::Column::Deleted.eq(false))
        .to_owned()
}
