//! Whom roles reach, as conditions for lists: the same rules as in `access.rs`, in the words of the database.

use sea_orm::sea_query::{Condition, IntoCondition as _, Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, JoinType};
use usher_api::name::{CommunityName, UserName};

use crate::authority::membership_of_role;
use crate::catalogue::canonical;
use crate::entity::{community, member, member_role, permission, role_permission};
use crate::error::Error;
use crate::role::{BuiltInRole, RoleId};

/// The roles that hold one permission.
#[derive(Debug)]
pub(crate) struct RolesHolding {
    permission: String,
    built_in: Vec<RoleId>,
}

impl RolesHolding {
    /// The roles that hold the permission that a request calls `named`.
    ///
    /// # Errors
    /// [`Error::UnknownPermission`]
    pub(crate) async fn load(connection: &impl ConnectionTrait, named: &str) -> Result<Self, Error> {
        let row = permission::Entity::find_by_id(canonical(named)).one(connection).await?;
        let row = row.ok_or_else(|| Error::UnknownPermission(named.to_owned()))?;
        let holding = BuiltInRole::ALL.into_iter().filter(|role| role.holds(&row.name, row.category));
        Ok(Self { built_in: holding.map(RoleId::BuiltIn).collect(), permission: row.name })
    }

    /// Holds for a role that was given and holds the permission.
    fn condition(&self) -> Condition {
        let custom = Query::select()
            .column(role_permission::Column::RoleId)
            .from(role_permission::Entity)
            .and_where(role_permission::Column::Permission.eq(self.permission.as_str()))
            .to_owned();
        Condition::any()
            .add(member_role::Column::RoleId.is_in(self.built_in.iter().copied()))
            .add(member_role::Column::CustomRoleId.in_subquery(custom))
    }
}

/// Holds for communities in which the person has a role that counts, or one of `holding`, given there or above. One set of ids,
/// so that the database looks these up and does not read through all communities.
pub(crate) fn reached_by(person: UserName, holding: Option<&RolesHolding>) -> Condition {
    let mut inheriting = communities_with_roles_of(person, holding);
    inheriting.and_where(member_role::Column::Inherits.eq(true));
    let inside = Query::select()
        .column(community::Column::Id)
        .from(community::Entity)
        .and_where(community::Column::ParentId.in_subquery(inheriting))
        .to_owned();
    let mut reached = communities_with_roles_of(person, holding);
    reached.union(UnionType::Distinct, inside);
    community::Column::Id.in_subquery(reached).into_condition()
}

fn communities_with_roles_of(person: UserName, holding: Option<&RolesHolding>) -> SelectStatement {
    Query::select()
        .column((member_role::Entity, member_role::Column::CommunityId))
        .from(member_role::Entity)
        .join(JoinType::InnerJoin, member::Entity, membership_of_role())
        .and_where(member_role::Column::UserId.eq(person.0))
        .and_where(member::Column::State.eq(member::State::Active))
        .cond_where(Condition::all().add_option(holding.map(RolesHolding::condition)))
        .to_owned()
}

/// Selects the people who have one of `holding` in `place`: given there, or, if `place` is the community above, given to count
/// inside too.
pub(crate) fn holders_in(place: CommunityName, inside: bool, holding: &RolesHolding) -> SelectStatement {
    let mut holders = Query::select()
        .distinct()
        .column((member_role::Entity, member_role::Column::UserId))
        .from(member_role::Entity)
        .join(JoinType::InnerJoin, member::Entity, membership_of_role())
        .and_where(member_role::Column::CommunityId.eq(place.0))
        .and_where(member::Column::State.eq(member::State::Active))
        .cond_where(holding.condition())
        .to_owned();
    if inside {
        holders.and_where(member_role::Column::Inherits.eq(true));
    }
    holders
}
