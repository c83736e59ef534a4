//! Making people members, changing what they hold, and ending it: rows and events. Whoever calls anything here holds the tree, so
//! that two changes of a membership do not meet.

mod gift;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};
use usher_api::name::{CommunityName, MemberName, PrincipalName, UserName};
use usher_runtime::{Actor, Change, Failure, Timestamp};
use uuid::Uuid;

use crate::Community;
use crate::access::Reach;
use crate::entity::{community, member, member_role};
use crate::error::Error;
use crate::event::{self, MemberFact};
use crate::grants::Judge;
use crate::role::RoleId;
use crate::tree::HeldCommunity;

pub(crate) use gift::Gift;

/// Raises the version of the memberships of `user` in `communities`, after their roles changed, and returns them sorted.
async fn touch(
    change: &Change,
    user: UserName,
    communities: impl Iterator<Item = Uuid>,
    now: Timestamp,
) -> Result<Vec<member::Model>, Error> {
    let mut changed = member::Entity::update_many()
        .col_expr(member::Column::Version, Expr::col(member::Column::Version).add(1))
        .col_expr(member::Column::UpdateTime, Expr::value(now))
        .col_expr(member::Column::Inherits, has_inheriting_role())
        .filter(member::Column::UserId.eq(user.0))
        .filter(member::Column::CommunityId.is_in(communities))
        .exec_with_returning(&**change)
        .await?;
    changed.sort_by_key(|member| member.community_id);
    Ok(changed)
}

/// Makes what `user` was given in the tree of `root`, which is held, count no longer: his account cannot be used.
pub(crate) async fn suspend_all(
    service: &Community,
    change: &Change,
    root: CommunityName,
    user: UserName,
) -> Result<(), Error> {
    let tree = Query::select()
        .column(community::Column::Id)
        .from(community::Entity)
        .and_where(community::Column::RootId.eq(root.0))
        .to_owned();
    let suspended = member::Entity::update_many()
        .col_expr(member::Column::State, Expr::value(member::State::Suspended))
        .col_expr(member::Column::SuspendReason, Expr::value(member::SuspendReason::Account))
        .filter(member::Column::UserId.eq(user.0))
        .filter(member::Column::State.eq(member::State::Active))
        .filter(member::Column::CommunityId.in_subquery(tree))
        .exec_with_returning(&**change)
        .await?;
    let places = suspended.iter().map(|row| row.community_id);
    let rows = touch(change, user, places, service.clock.now()).await?;
    let facts = rows.iter().map(|row| (row, MemberFact::Suspended));
    event::of_members(service, change, root, "", facts).await
}

/// Whether the membership of the updated row has a role that counts inside.
pub(crate) fn has_inheriting_role() -> Expr {
    Expr::exists(inheriting_roles())
}

/// As [`has_inheriting_role`], as if `lost` were taken already.
pub(crate) fn has_inheriting_role_without(lost: RoleId) -> Expr {
    Expr::exists(inheriting_roles().and_where(member_role::Column::RoleId.ne(lost)).to_owned())
}

/// Selects the roles of the updated row that count inside.
fn inheriting_roles() -> SelectStatement {
    let role = |column| Expr::col((member_role::Entity, column));
    Query::select()
        .expr(Expr::val(1))
        .from(member_role::Entity)
        .and_where(
            role(member_role::Column::CommunityId).equals((member::Entity, member::Column::CommunityId)),
        )
        .and_where(role(member_role::Column::UserId).equals((member::Entity, member::Column::UserId)))
        .and_where(role(member_role::Column::Inherits).eq(true))
        .to_owned()
}

/// The membership `name`, active or suspended.
///
/// # Errors
/// [`Error::MemberNotFound`]; [`Error::MembershipInherited`] if he only reaches the community from above.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    name: MemberName,
) -> Result<member::Model, Error> {
    let root = Query::select()
        .column(community::Column::RootId)
        .from(community::Entity)
        .and_where(community::Column::Id.eq(name.community.0))
        .to_owned();
    let here_or_above =
        member::Column::CommunityId.eq(name.community.0).or(member::Column::CommunityId.in_subquery(root));
    let rows = member::Entity::find()
        .filter(member::Column::UserId.eq(name.user))
        .filter(member::Column::State.ne(member::State::Removed))
        .filter(here_or_above)
        .all(connection)
        .await?;
    let (here, above): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.community_id == name.community.0);
    if let Some(row) = here.into_iter().next() {
        return Ok(row);
    }
    Err(match above.iter().find(|row| row.inherits) {
        Some(above) => Error::MembershipInherited { member: name, inherited_from: above.name() },
        None => Error::MemberNotFound(name),
    })
}

/// A membership whose tree is held.
#[derive(Clone, Debug)]
pub(crate) struct HeldMember {
    pub(crate) community: HeldCommunity,
    pub(crate) row: member::Model,
    /// The roles that he was given here.
    pub(crate) roles: Vec<member_role::Model>,
}

impl HeldMember {
    /// Holds the tree and reads the membership.
    ///
    /// # Errors
    /// As [`find`]; [`Error::CommunityNotActive`].
    pub(crate) async fn take(change: &Change, name: MemberName) -> Result<Self, Error> {
        let member = Self::take_anywhere(change, name).await?;
        member.community.require_active()?;
        Ok(member)
    }

    /// As [`Self::take`], be the community active or not.
    pub(crate) async fn take_anywhere(change: &Change, name: MemberName) -> Result<Self, Error> {
        let community = HeldCommunity::take(change, name.community).await?;
        let row = find(&**change, name).await?;
        let roles = member_role::Entity::find()
            .filter(member_role::Column::CommunityId.eq(row.community_id))
            .filter(member_role::Column::UserId.eq(row.user_id))
            .all(&**change)
            .await?;
        Ok(Self { community, row, roles })
    }

    /// Refuses unless `actor` holds `permission` here and could give every role that the member has.
    pub(crate) async fn require_power(
        &self,
        change: &Change,
        actor: Actor,
        permission: &str,
    ) -> Result<(), Error> {
        let place = self.community.row.name();
        let judge = Judge::load_over(&**change, actor, self, &[]).await?;
        judge.require(permission, place, Reach::Here)?;
        judge.require_power_over(place, self.reaching_roles())
    }

    /// Takes `lost` from him and gives him `gained`, which he must not have.
    pub(crate) async fn exchange_roles(
        &mut self,
        service: &Community,
        change: &Change,
        by: PrincipalName,
        lost: &[(RoleId, Reach)],
        gained: &[(RoleId, Reach)],
    ) -> Result<(), Error> {
        let now = service.clock.now();
        for (role, reach) in lost {
            member_role::Entity::delete_by_id((
                self.row.community_id,
                self.row.user_id,
                *role,
                *reach == Reach::Subtree,
            ))
            .exec(&**change)
            .await?;
        }
        if !gained.is_empty() {
            let (granted_by, granted_by_program) = member_role::giver_columns(by);
            let rows = gained.iter().map(|(role, reach)| member_role::ActiveModel {
                community_id: Set(self.row.community_id),
                user_id: Set(self.row.user_id),
                role_id: Set(*role),
                inherits: Set(*reach == Reach::Subtree),
                custom_role_id: Set(role.custom()),
                invitation: Set(String::new()),
                granted_by: Set(granted_by),
                granted_by_program: Set(granted_by_program.clone()),
                create_time: Set(now),
            });
            member_role::Entity::insert_many(rows).exec_without_returning(&**change).await?;
        }
        self.finish(service, change, MemberFact::Updated).await
    }

    /// Makes his roles count no longer.
    pub(crate) async fn suspend(
        &mut self,
        service: &Community,
        change: &Change,
        reason: member::SuspendReason,
    ) -> Result<(), Error> {
        self.update()
            .col_expr(member::Column::State, Expr::value(member::State::Suspended))
            .col_expr(member::Column::SuspendReason, Expr::value(reason))
            .exec(&**change)
            .await?;
        self.finish(service, change, MemberFact::Suspended).await
    }

    /// Makes his roles count again.
    pub(crate) async fn reactivate(&mut self, service: &Community, change: &Change) -> Result<(), Error> {
        self.update()
            .col_expr(member::Column::State, Expr::value(member::State::Active))
            .col_expr(member::Column::SuspendReason, Expr::value(None::<String>))
            .col_expr(member::Column::ReactivateTime, Expr::value(service.clock.now()))
            .exec(&**change)
            .await?;
        self.finish(service, change, MemberFact::Reactivated).await
    }

    /// Ends the membership.
    pub(crate) async fn remove(&mut self, service: &Community, change: &Change) -> Result<(), Error> {
        member_role::Entity::delete_many()
            .filter(member_role::Column::CommunityId.eq(self.row.community_id))
            .filter(member_role::Column::UserId.eq(self.row.user_id))
            .exec(&**change)
            .await?;
        self.update()
            .col_expr(member::Column::State, Expr::value(member::State::Removed))
            .exec(&**change)
            .await?;
        self.finish(service, change, MemberFact::Deleted).await
    }

    fn update(&self) -> sea_orm::UpdateMany<member::Entity> {
        member::Entity::update_many()
            .filter(member::Column::CommunityId.eq(self.row.community_id))
            .filter(member::Column::UserId.eq(self.row.user_id))
    }

    /// Raises the version and tells what happened.
    async fn finish(&mut self, service: &Community, change: &Change, fact: MemberFact) -> Result<(), Error> {
        let user = UserName(self.row.user_id);
        let community = std::iter::once(self.row.community_id);
        let rows = touch(change, user, community, service.clock.now()).await?;
        self.row = rows.into_iter().next().ok_or_else(|| Failure::internal("a held member is gone"))?;
        let root = self.community.root.name();
        event::of_members(service, change, root, "", [(&self.row, fact)]).await
    }

    /// Refuses an etag that is not the present one. An empty one stands for any.
    pub(crate) fn require_etag(&self, etag: &str) -> Result<(), Error> {
        crate::tree::require_etag(etag, self.row.version, &self.row.name())
    }

    /// The roles that he was given here, and how far each reaches.
    pub(crate) fn reaching_roles(&self) -> impl Iterator<Item = (RoleId, Reach)> {
        self.roles.iter().map(|role| (role.role_id, if role.inherits { Reach::Subtree } else { Reach::Here }))
    }
}
