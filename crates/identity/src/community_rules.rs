//! What the person's communities ask: how long a session may stay unused (the shortest counts), and a second factor (one is enough).
//!
//! What communities ask, and who belongs to them, is known from the community service's events. So a change there counts from the
//! next sign-in or refresh on, a moment later.

use std::time::Duration;

use sea_orm::sea_query::{
    CaseStatement, Condition, Expr, ExprTrait as _, IntoCondition, OnConflict, Query, SelectStatement,
};
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, JoinType};
use usher_api::name::CommunityName;
use usher_runtime::{Change, database};
use uuid::Uuid;

use crate::Identity;
use crate::entity::{community_rule, membership, session};
use crate::error::Error;

/// How long it counts that somebody is about to be a member. Accepting takes a moment, unless servers are away.
const EXPECTED_FOR: Duration = Duration::from_hours(1);

/// Where somebody is about to be a member.
pub(crate) struct Expected {
    pub(crate) community: CommunityName,
    pub(crate) root: CommunityName,
    pub(crate) inherits: bool,
}

/// What is asked of one person.
pub(crate) struct Asked {
    /// How long a session may stay unused.
    pub(crate) idle: Duration,
    /// Whether he needs a second factor.
    pub(crate) two_factor: bool,
}

/// Of `account`.
pub(crate) async fn of_account(
    reader: &impl ConnectionTrait,
    service: &Identity,
    account: Uuid,
) -> Result<Asked, Error> {
    strictest(reader, service, membership::Column::AccountId.eq(account)).await
}

/// Of the person whose session has refresh tokens with this family hash.
pub(crate) async fn of_family(service: &Identity, family_hash: &[u8]) -> Result<Asked, Error> {
    let account = Query::select()
        .column(session::Column::AccountId)
        .from(session::Entity)
        .and_where(session::Column::FamilyHash.eq(family_hash))
        .to_owned();
    strictest(&*service.database, service, membership::Column::AccountId.in_subquery(account)).await
}

/// Makes `account` a member within `change` until the community service tells so, for an hour at most: what the community asks counts
/// from the first sign-in on.
pub(crate) async fn expect(
    service: &Identity,
    change: &Change,
    account: Uuid,
    memberships: impl IntoIterator<Item = Expected>,
) -> Result<(), DbErr> {
    let expected_until = Some(service.clock.now().after(EXPECTED_FOR));
    let rows = memberships.into_iter().map(|expected| {
        membership::ActiveModel::from(membership::Model {
            account_id: account,
            community_id: expected.community.0,
            root_id: expected.root.0,
            inherits: expected.inherits,
            active: true,
            version: 0,
            expected_until,
        })
        .reset_all()
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    // What has been told already is nothing to expect.
    let told = OnConflict::new().do_nothing().to_owned();
    membership::Entity::insert_many(rows).on_conflict(told).exec_without_returning(&**change).await?;
    Ok(())
}

async fn strictest(reader: &impl ConnectionTrait, service: &Identity, whose: Expr) -> Result<Asked, Error> {
    let row = reader.query_one(&asked_of(reader, whose)).await?;
    let (seconds, enforcing): (Option<i64>, Option<i32>) = match row {
        Some(row) => (row.try_get_by_index(0)?, row.try_get_by_index(1)?),
        None => (None, None),
    };
    let asked = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let longest = service.config.session_life;
    let idle = asked.map_or(longest, |asked| asked.min(longest));
    Ok(Asked { idle, two_factor: enforcing.is_some_and(|enforcing| enforcing > 0) })
}

/// Selects the shortest duration, and whether a second factor is asked for, of all communities to which an account of `whose`
/// belongs: by itself, by the community above, or by all inside for a member whose role reaches them.
fn asked_of(reader: &impl ConnectionTrait, whose: Expr) -> SelectStatement {
    let rule = |column| Expr::col((community_rule::Entity, column));
    let member = |column| (membership::Entity, column);
    let concerns = Condition::any()
        .add(rule(community_rule::Column::CommunityId).equals(member(membership::Column::CommunityId)))
        .add(rule(community_rule::Column::CommunityId).equals(member(membership::Column::RootId)))
        .add(Expr::col(member(membership::Column::Inherits)).eq(true));
    let same_tree = rule(community_rule::Column::RootId).equals(member(membership::Column::RootId));
    // PostgreSQL has no greatest truth.
    let enforcing = CaseStatement::new()
        .case(rule(community_rule::Column::EnforceTwoFactor).eq(true), 1_i32)
        .finally(0_i32);
    Query::select()
        .expr(rule(community_rule::Column::SessionDuration).min())
        .expr(Expr::Case(Box::new(enforcing)).max())
        .from(membership::Entity)
        .join(JoinType::InnerJoin, community_rule::Entity, same_tree.into_condition().add(concerns))
        .and_where(whose)
        .and_where(membership::Column::Active.eq(true))
        .cond_where(
            Condition::any()
                .add(membership::Column::ExpectedUntil.is_null())
                .add(Expr::col(member(membership::Column::ExpectedUntil)).gt(database::now(reader))),
        )
        .and_where(community_rule::Column::Deleted.eq(false))
        .to_owned()
}
