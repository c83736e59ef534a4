//! Whom roles reach, as conditions for lists: the same rules as in `access.rs`, in the words of the database.

use sea_orm::sea_query::{
    Condition, Expr, ExprTrait as _, IntoCondition as _, Query, SelectStatement, UnionType,
};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, JoinType};
use usher_api::name::{CommunityName, PrincipalName, UserName};
use usher_runtime::{Actor, database};

use crate::authority::membership_of_role;
use crate::catalogue::{REPRESENT, canonical};
use crate::entity::{
    api_key, community, member, member_role, permission, program_permission, role_permission, service_account,
};
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

/// Holds for communities in which `actor` has a role or a permission that counts, or one of `holding`, given there or above. Of who
/// acts on behalf of a person, for those in which both have.
pub(crate) fn reached_by(
    connection: &impl ConnectionTrait,
    actor: Actor,
    holding: Option<&RolesHolding>,
) -> Condition {
    let permission = holding.map(|holding| holding.permission.as_str());
    let now = database::now(connection);
    let own = match actor.principal {
        PrincipalName::User(user) => reached_by_person(user, holding),
        program => reached_by_program(program, permission, &now),
    };
    match actor.on_behalf_of {
        None => own,
        Some(user) => Condition::all()
            .add(own)
            .add(reached_by_program(actor.principal, Some(REPRESENT), &now))
            .add(reached_by_person(user, holding)),
    }
}

/// One set of ids, so that the database looks these up and does not read through all communities.
fn reached_by_person(person: UserName, holding: Option<&RolesHolding>) -> Condition {
    let mut inheriting = communities_with_roles_of(person, holding);
    inheriting.and_where(member_role::Column::Inherits.eq(true));
    let mut reached = communities_with_roles_of(person, holding);
    reached.union(UnionType::Distinct, inside_of(inheriting));
    community::Column::Id.in_subquery(reached).into_condition()
}

fn reached_by_program(program: PrincipalName, permission: Option<&str>, now: &Expr) -> Condition {
    let mut inheriting = communities_given_to(program, permission, now);
    inheriting.and_where(program_permission::Column::Inherits.eq(true));
    let mut reached = communities_given_to(program, permission, now);
    reached.union(UnionType::Distinct, inside_of(inheriting));
    community::Column::Id.in_subquery(reached).into_condition()
}

/// The communities inside those that are selected.
fn inside_of(communities: SelectStatement) -> SelectStatement {
    Query::select()
        .column(community::Column::Id)
        .from(community::Entity)
        .and_where(community::Column::ParentId.in_subquery(communities))
        .to_owned()
}

fn communities_given_to(program: PrincipalName, permission: Option<&str>, now: &Expr) -> SelectStatement {
    use program_permission::Column;
    Query::select()
        .column(Column::CommunityId)
        .from(program_permission::Entity)
        .and_where(Column::ProgramId.eq(program.id()))
        .and_where(Expr::exists(good(program, now)))
        .cond_where(Condition::all().add_option(permission.map(|name| Column::Permission.eq(name))))
        .to_owned()
}

/// Selects the program, if there is one of exactly this name that nothing ended.
fn good(program: PrincipalName, now: &Expr) -> SelectStatement {
    let mut row = Query::select();
    row.expr(Expr::val(1));
    match program {
        // Those are reached by roles.
        PrincipalName::User(_) => row.and_where(Expr::val(1).eq(0)),
        PrincipalName::ApiKey { community, id } => {
            let column = |column| Expr::col((api_key::Entity, column));
            let expires = column(api_key::Column::ExpireTime);
            row.from(api_key::Entity)
                .and_where(column(api_key::Column::Id).eq(id))
                .and_where(column(api_key::Column::CommunityId).eq(community.0))
                .and_where(column(api_key::Column::RevokeTime).is_null())
                .cond_where(Condition::any().add(expires.clone().is_null()).add(expires.gt(now.clone())))
        }
        PrincipalName::ServiceAccount(name) => {
            let column = |column| Expr::col((service_account::Entity, column));
            row.from(service_account::Entity)
                .and_where(column(service_account::Column::Id).eq(name.0))
                .and_where(column(service_account::Column::Enabled).eq(true))
        }
    };
    row.clone()
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
