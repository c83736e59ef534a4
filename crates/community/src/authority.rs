//! Reading from the database what `access.rs` judges by.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::sea_query::{
    Alias, CaseStatement, Condition, Expr, ExprTrait as _, Query, SelectStatement, SubQueryStatement, Value,
};
use sea_orm::{ConnectionTrait, DbErr, JoinType, QueryResult};
use usher_api::name::{CommunityName, PrincipalName, UserName};
use usher_runtime::{Actor, Caller, Failure, database};
use uuid::Uuid;

use crate::Community;
use crate::access::{HeldRole, Place, Reach, Standing};
use crate::catalogue::{ByName, Permission};
use crate::consistency::ConsistencyToken;
use crate::entity::{community, member, member_role, permission, role_permission};
use crate::error::Error;
use crate::programs::{self, Programs};
use crate::role::RoleId;

/// Somebody in a community.
pub(crate) type Asked = (PrincipalName, CommunityName);

/// Somebody in a community, and a permission that is asked about; an empty one for all.
pub(crate) type Question = (PrincipalName, CommunityName, String);

/// What must be read to judge whether `actor` may do in `community` what `permission` allows.
pub(crate) fn questions(
    actor: impl Into<Actor>,
    community: CommunityName,
    permission: &str,
) -> impl Iterator<Item = Question> {
    let actor: Actor = actor.into();
    let principals = std::iter::once(actor.principal).chain(actor.on_behalf_of.map(Into::into));
    principals.map(move |principal| (principal, community, permission.to_owned()))
}

/// The name of the table of what is asked.
const ASKED: &str = "asked";
/// The name under which the community at the top is joined.
const ROOT: &str = "root";

/// Where people stand in the communities that were asked about, and the permissions that were asked about.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    by_asked: HashMap<Asked, Standing>,
    nothing: Standing,
    permissions: ByName,
}

impl Holdings {
    /// Reads where each of these stands, in one statement however many there are.
    pub(crate) async fn load<A: Into<Actor>>(
        connection: &impl ConnectionTrait,
        asked: impl IntoIterator<Item = (A, CommunityName)>,
    ) -> Result<Self, DbErr> {
        let asked = asked.into_iter().flat_map(|(actor, community)| questions(actor, community, ""));
        Ok(Self::load_with(connection, &asked.collect(), None).await?.0)
    }

    /// As [`Self::load`], with a permission for each that is asked about: whether there is one of this name and which of the
    /// roles hold it. In the same statement: every other service waits for it. With `token`, tells also which change of its
    /// scope the database was at.
    pub(crate) async fn load_with(
        connection: &impl ConnectionTrait,
        asked: &BTreeSet<Question>,
        token: Option<&ConsistencyToken>,
    ) -> Result<(Self, Option<i64>), DbErr> {
        let mut holdings = Self::default();
        if asked.is_empty() {
            return Ok((holdings, None));
        }
        let programs = Programs::among(asked);
        let mut query = roles_given(asked, token);
        if !programs.is_empty() {
            programs::join_what_was_given(&mut query, &place_looked_at(), database::now(connection));
        }
        let (mut reached, mut seen) = (None, HashSet::new());
        for row in connection.query_all(&query).await? {
            if token.is_some() {
                reached = row.try_get("", "revision")?;
            }
            holdings.note_permission(&row)?;
            let id: Uuid = row.try_get("", "asked_user")?;
            for program in programs.with_id(id) {
                if let Some(standing) = holdings.note_place(&row, program)? {
                    programs::note_given(&row, program, standing)?;
                }
            }
            if programs.asks_about_user(id) {
                holdings.note_role(&row, UserName(id), &mut seen)?;
            }
        }
        for standing in holdings.by_asked.values_mut() {
            standing.roles.sort_by_key(|held| (held.role, held.inherits, held.given_in));
        }
        Ok((holdings, reached))
    }

    fn note_permission(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let Some(category) = row.try_get("", "category")? else { return Ok(()) };
        let name: String = row.try_get("", "permission")?;
        let permission = self.permissions.entry(name.clone());
        let permission =
            permission.or_insert_with(|| Permission { name, category, custom_roles: HashSet::new() });
        let holds: Option<Uuid> = row.try_get("", "holding_role")?;
        permission.custom_roles.extend(holds);
        Ok(())
    }

    /// `seen` keeps a role from being noted once for each permission that was asked about.
    fn note_role(
        &mut self,
        row: &QueryResult,
        user: UserName,
        seen: &mut HashSet<(Asked, CommunityName, RoleId, bool)>,
    ) -> Result<(), DbErr> {
        let Some(standing) = self.note_place(row, user.into())? else { return Ok(()) };
        let asked = (user.into(), CommunityName(row.try_get("", "asked_community")?));
        let Some(role) = row.try_get::<Option<String>>("", "role_id")? else { return Ok(()) };
        // A newer version of the program may have given a role that this one does not know. It counts for nothing here, and
        // takes nothing from the others.
        let Ok(role) = role.parse::<RoleId>() else { return Ok(()) };
        let given_in = CommunityName(row.try_get("", "community_id")?);
        let inherits = row.try_get("", "inherits")?;
        if !seen.insert((asked, given_in, role, inherits)) {
            return Ok(());
        }
        standing.roles.push(HeldRole {
            role,
            given_in,
            inherits,
            suspended: row.try_get::<member::State>("", "member_state")? != member::State::Active,
            invitation: row.try_get("", "invitation")?,
            granted_by: member_role::giver(
                row.try_get("", "granted_by")?,
                &row.try_get::<String>("", "granted_by_program")?,
            ),
            grant_time: row.try_get("", "create_time")?,
        });
        Ok(())
    }

    /// The standing that `row` is about, with its place. `None` if there is no such community.
    fn note_place(
        &mut self,
        row: &QueryResult,
        principal: PrincipalName,
    ) -> Result<Option<&mut Standing>, DbErr> {
        let community = CommunityName(row.try_get("", "asked_community")?);
        let Some(kind) = row.try_get("", "kind")? else { return Ok(None) };
        let (state, root_state) = (row.try_get("", "state")?, row.try_get("", "root_state")?);
        let root = CommunityName(row.try_get("", "root_id")?);
        let standing = self.by_asked.entry((principal, community)).or_default();
        standing.place = Some(Place { community, kind, root, state, root_state });
        Ok(Some(standing))
    }

    /// Where `actor` stands in `community`, which must have been asked about.
    pub(crate) fn of(&self, actor: impl Into<Actor>, community: CommunityName) -> Cow<'_, Standing> {
        let actor: Actor = actor.into();
        let of = |principal| self.by_asked.get(&(principal, community)).unwrap_or(&self.nothing);
        let own = of(actor.principal);
        match actor.on_behalf_of {
            None => Cow::Borrowed(own),
            Some(user) => {
                let represented = Some(Box::new(of(user.into()).clone()));
                Cow::Owned(Standing { represented, ..own.clone() })
            }
        }
    }

    /// The permission `name`, which must have been asked about.
    pub(crate) fn permission(&self, name: &str) -> Option<&Permission> {
        self.permissions.get(name)
    }

    /// The custom roles among all that was given.
    pub(crate) fn custom_roles(&self) -> BTreeSet<Uuid> {
        let held = self.by_asked.values().flat_map(|standing| &standing.roles);
        held.filter_map(|held| held.role.custom()).collect()
    }
}

/// One row for each role that was given in each place that is asked about or above it, and at least one for each place. What
/// is asked is a table of its own in the statement: people, communities and permissions listed apart would multiply.
fn roles_given(asked: &BTreeSet<Question>, token: Option<&ConsistencyToken>) -> SelectStatement {
    // Two rows for each, one to look there and one to look above. "There or above" in one condition would keep PostgreSQL from
    // finding roles by person and community: it would read those of all members.
    let values = asked.iter().flat_map(|(principal, community, permission)| {
        [false, true].map(|above| {
            (
                Value::from(principal.id()),
                Value::from(community.0),
                Value::from(permission.as_str()),
                Value::from(above),
            )
        })
    });
    let mut select = Query::select();
    select.from_values(values, Alias::new(ASKED));
    join_what_is_asked_about(&mut select);
    select_what_is_judged(&mut select);
    if let Some(token) = token {
        let reached = SubQueryStatement::SelectStatement(token.reached_query());
        select.expr_as(Expr::SubQuery(None, Box::new(reached)), Alias::new("revision"));
    }
    select
}

/// A column of the table of what is asked. Both databases call the columns of a list of values so.
pub(crate) fn asked_user() -> (Alias, Alias) {
    (Alias::new(ASKED), Alias::new("column1"))
}

/// See [`asked_user`].
fn asked_community() -> (Alias, Alias) {
    (Alias::new(ASKED), Alias::new("column2"))
}

/// See [`asked_user`].
pub(crate) fn asked_permission() -> (Alias, Alias) {
    (Alias::new(ASKED), Alias::new("column3"))
}

/// Whether to look above. See [`asked_user`].
fn asked_above() -> (Alias, Alias) {
    (Alias::new(ASKED), Alias::new("column4"))
}

/// The community that a row looks at: the one that is asked about, or the one above it.
fn place_looked_at() -> Expr {
    let place = |column| (community::Entity, column);
    let looked_at = CaseStatement::new()
        .case(Expr::col(asked_above()).eq(true), Expr::col(place(community::Column::ParentId)))
        .finally(Expr::col(place(community::Column::Id)));
    Expr::Case(Box::new(looked_at))
}

fn join_what_is_asked_about(select: &mut SelectStatement) {
    let place = |column| (community::Entity, column);
    let given = |column| (member_role::Entity, column);
    let is_asked = Expr::col((permission::Entity, permission::Column::Name)).equals(asked_permission());
    let is_place = Expr::col(place(community::Column::Id)).equals(asked_community());
    let is_root =
        Expr::col((Alias::new(ROOT), community::Column::Id)).equals(place(community::Column::RootId));
    let there = Expr::col(given(member_role::Column::CommunityId)).eq(place_looked_at());
    let his = Expr::col(given(member_role::Column::UserId)).equals(asked_user());
    let of_role = Expr::col((role_permission::Entity, role_permission::Column::RoleId))
        .equals(given(member_role::Column::CustomRoleId));
    let holds = Expr::col((role_permission::Entity, role_permission::Column::Permission))
        .equals((permission::Entity, permission::Column::Name));
    select
        .join(JoinType::LeftJoin, permission::Entity, is_asked)
        .join(JoinType::LeftJoin, community::Entity, is_place)
        .join_as(JoinType::LeftJoin, community::Entity, Alias::new(ROOT), is_root)
        .join(JoinType::LeftJoin, member_role::Entity, Condition::all().add(his).add(there))
        .join(JoinType::LeftJoin, member::Entity, membership_of_role())
        .join(JoinType::LeftJoin, role_permission::Entity, Condition::all().add(of_role).add(holds));
}

fn select_what_is_judged(select: &mut SelectStatement) {
    let place = |column| (community::Entity, column);
    let given = |column| (member_role::Entity, column);
    let holding = Expr::col((role_permission::Entity, role_permission::Column::RoleId));
    select
        .expr_as(Expr::col(asked_user()), Alias::new("asked_user"))
        .expr_as(Expr::col(asked_community()), Alias::new("asked_community"))
        .expr_as(Expr::col((permission::Entity, permission::Column::Name)), Alias::new("permission"))
        .column((permission::Entity, permission::Column::Category))
        .expr_as(holding, Alias::new("holding_role"))
        .columns([
            place(community::Column::Kind),
            place(community::Column::State),
            place(community::Column::RootId),
        ])
        .expr_as(Expr::col((Alias::new(ROOT), community::Column::State)), Alias::new("root_state"))
        .columns([
            given(member_role::Column::CommunityId),
            given(member_role::Column::RoleId),
            given(member_role::Column::Inherits),
            given(member_role::Column::Invitation),
            given(member_role::Column::GrantedBy),
            given(member_role::Column::GrantedByProgram),
            given(member_role::Column::CreateTime),
        ])
        .expr_as(Expr::col((member::Entity, member::Column::State)), Alias::new("member_state"));
}

/// Joins the membership that a given role belongs to.
pub(crate) fn membership_of_role() -> Condition {
    let of_role = |member, role| Expr::col((member::Entity, member)).equals((member_role::Entity, role));
    Condition::all()
        .add(of_role(member::Column::CommunityId, member_role::Column::CommunityId))
        .add(of_role(member::Column::UserId, member_role::Column::UserId))
}

/// Refuses unless whoever calls holds `permission` in `community`, be it active or not. A service that calls for nobody
/// may: the contract says which RPCs are open to services.
///
/// # Errors
/// [`Failure::PermissionDenied`], whether or not there is such a community.
pub(crate) async fn require(
    service: &Community,
    caller: &Caller,
    permission: &'static str,
    community: CommunityName,
) -> Result<(), Error> {
    if caller.is_service_alone() {
        return Ok(());
    }
    let (standing, known) = standing_of_caller(service, caller, permission, community).await?;
    if known.is_some_and(|permission| standing.as_if_active().allows(&permission, Reach::Here)) {
        Ok(())
    } else {
        Err(denied(permission, community).into())
    }
}

/// Refuses unless whoever calls holds `permission` in `community` and the community is active: before something there is
/// changed.
///
/// # Errors
/// [`Failure::PermissionDenied`], whether or not there is such a community. [`Error::CommunityNotActive`], told to those who
/// would hold the permission if it were.
pub(crate) async fn require_for_change(
    service: &Community,
    caller: &Caller,
    permission: &'static str,
    community: CommunityName,
) -> Result<(), Error> {
    let (standing, known) = standing_of_caller(service, caller, permission, community).await?;
    let (Some(known), Some(place)) = (known, standing.place) else {
        return Err(denied(permission, community).into());
    };
    if standing.allows(&known, Reach::Here) {
        return Ok(());
    }
    if standing.as_if_active().allows(&known, Reach::Here) {
        return Err(Error::CommunityNotActive { community, state: place.effective_state() });
    }
    Err(denied(permission, community).into())
}

/// Where whoever calls stands in `community`, and `permission` if the catalogue has it.
pub(crate) async fn standing_of_caller(
    service: &Community,
    caller: &Caller,
    permission: &str,
    community: CommunityName,
) -> Result<(Standing, Option<Permission>), Error> {
    let actor = caller.actor()?;
    let asked = questions(actor, community, permission).collect();
    let (holdings, _) = Holdings::load_with(&*service.database, &asked, None).await?;
    Ok((holdings.of(actor, community).into_owned(), holdings.permission(permission).cloned()))
}

/// Who must hold `members.list` to be told what `principal` may do. Nobody needs to if somebody asks about himself, or a service
/// asks.
pub(crate) fn curious(
    caller: &Caller,
    principal: impl Into<PrincipalName>,
) -> Result<Option<Actor>, Failure> {
    if caller.service.is_some() {
        return Ok(None);
    }
    seeing(caller, principal)
}

/// Who must hold a permission to see `principal`: whoever calls, or on whose behalf a service does, unless it is himself. A service
/// that calls for nobody sees all.
pub(crate) fn seeing(caller: &Caller, principal: impl Into<PrincipalName>) -> Result<Option<Actor>, Failure> {
    if caller.is_service_alone() {
        return Ok(None);
    }
    let asked = principal.into();
    let actor = caller.actor()?;
    // Not for the person on whose behalf an account says that it acts: nothing proves that.
    Ok(Some(actor).filter(|_| actor.principal != asked))
}

/// The refusal of who does not hold `permission` in `community`, or of who cannot know that there is no such
/// community.
pub(crate) fn denied(permission: &str, community: CommunityName) -> Failure {
    Failure::PermissionDenied { permission: permission.to_owned(), resource: community.to_string() }
}
