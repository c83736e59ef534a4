//! Reading from the database what `access.rs` judges by.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, JoinType};
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Caller, Failure};
use uuid::Uuid;

use crate::Community;
use crate::access::{Effective, HeldRole, Reach};
use crate::catalogue;
use crate::entity::{community, member, member_role};

/// A person in a community.
pub(crate) type Place = (UserName, CommunityName);

/// What people hold in the places that were asked about.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    by_place: HashMap<Place, Effective>,
    nothing: Effective,
}

impl Holdings {
    /// Reads what counts in `places`, in one query however many there are. In a place that does not exist,
    /// nobody holds anything.
    pub(crate) async fn load(
        connection: &impl ConnectionTrait,
        places: impl IntoIterator<Item = Place>,
    ) -> Result<Self, DbErr> {
        let places: BTreeSet<Place> = places.into_iter().collect();
        let mut holdings = Self::default();
        if places.is_empty() {
            return Ok(holdings);
        }
        for row in connection.query_all(&roles_that_count(&places)).await? {
            let place = (UserName(row.try_get("", "user_id")?), CommunityName(row.try_get("", "place_id")?));
            let held = HeldRole {
                role: row.try_get("", "role_id")?,
                given_in: CommunityName(row.try_get("", "community_id")?),
                inherits: row.try_get("", "inherits")?,
                invitation: row.try_get("", "invitation")?,
            };
            holdings.by_place.entry(place).or_default().roles.push(held);
        }
        for effective in holdings.by_place.values_mut() {
            effective.roles.sort_by_key(|held| (held.role, held.inherits));
        }
        Ok(holdings)
    }

    /// What `user` holds in `community`, which must have been asked about.
    pub(crate) fn of(&self, user: UserName, community: CommunityName) -> &Effective {
        self.by_place.get(&(user, community)).unwrap_or(&self.nothing)
    }

    /// The custom roles among all that is held.
    pub(crate) fn custom_roles(&self) -> BTreeSet<Uuid> {
        let held = self.by_place.values().flat_map(|effective| &effective.roles);
        held.filter_map(|held| held.role.custom()).collect()
    }
}

/// One row for each role that counts in each of `places`, of which there must be one. The places are a table
/// of their own in the statement: people and communities listed apart would multiply.
fn roles_that_count(places: &BTreeSet<Place>) -> SelectStatement {
    // Both databases call the columns of a list of values so.
    let asked_user = (Alias::new("asked"), Alias::new("column1"));
    let asked_community = (Alias::new("asked"), Alias::new("column2"));
    let given = |column| (member_role::Entity, column);
    let place = |column| (community::Entity, column);
    let here_or_above = Expr::col(given(member_role::Column::CommunityId))
        .is_in([Expr::col(place(community::Column::Id)), Expr::col(place(community::Column::ParentId))]);
    let given_here = Expr::col(given(member_role::Column::CommunityId)).equals(place(community::Column::Id));
    let counts_here = given_here.or(Expr::col(given(member_role::Column::Inherits)).eq(true));
    let roles = Condition::all()
        .add(Expr::col(given(member_role::Column::UserId)).equals(asked_user))
        .add(here_or_above)
        .add(counts_here);
    let asked = Expr::col(place(community::Column::Id)).equals(asked_community);
    Query::select()
        .columns([
            given(member_role::Column::UserId),
            given(member_role::Column::CommunityId),
            given(member_role::Column::RoleId),
            given(member_role::Column::Inherits),
            given(member_role::Column::Invitation),
        ])
        .expr_as(Expr::col(place(community::Column::Id)), Alias::new("place_id"))
        .from_values(places.iter().map(|(user, community)| (user.0, community.0)), Alias::new("asked"))
        .join(JoinType::InnerJoin, community::Entity, asked)
        .join(JoinType::InnerJoin, member_role::Entity, roles)
        .join(JoinType::InnerJoin, member::Entity, membership_of_role())
        .and_where(member::Column::State.eq(member::State::Active))
        .to_owned()
}

/// Joins the membership that a given role belongs to.
pub(crate) fn membership_of_role() -> Condition {
    let of_role = |member, role| Expr::col((member::Entity, member)).equals((member_role::Entity, role));
    Condition::all()
        .add(of_role(member::Column::CommunityId, member_role::Column::CommunityId))
        .add(of_role(member::Column::UserId, member_role::Column::UserId))
}

/// Refuses unless the calling person holds `permission` in `community`. A service that calls for nobody may:
/// the contract says which RPCs are open to services.
///
/// # Errors
/// [`Failure::PermissionDenied`], whether or not there is such a community.
pub(crate) async fn require(
    service: &Community,
    caller: &Caller,
    permission: &'static str,
    community: CommunityName,
) -> Result<(), Failure> {
    if caller.person.is_none() && caller.service.is_some() {
        return Ok(());
    }
    let user = caller.person()?.user;
    let holdings = Holdings::load(&*service.database, [(user, community)]).await?;
    let known = catalogue::named(&*service.database, [permission], holdings.custom_roles()).await?;
    let held = holdings.of(user, community);
    if known.get(permission).is_some_and(|permission| held.allows(permission, Reach::Here)) {
        Ok(())
    } else {
        Err(denied(permission, community))
    }
}

/// The person who must hold `members.list` to be told what `user` may do. Nobody needs to if a person asks
/// about himself, or a service asks.
pub(crate) fn curious_person(caller: &Caller, user: UserName) -> Result<Option<UserName>, Failure> {
    if caller.service.is_some() {
        return Ok(None);
    }
    Ok(Some(caller.person()?.user).filter(|person| *person != user))
}

/// The refusal of who does not hold `permission` in `community`, or of who cannot know that there is no such
/// community.
pub(crate) fn denied(permission: &str, community: CommunityName) -> Failure {
    Failure::PermissionDenied { permission: permission.to_owned(), resource: community.to_string() }
}
