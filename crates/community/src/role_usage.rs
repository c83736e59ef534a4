//! Who uses a custom role: members who hold it, and live invitations that offer it. Asked before it is deleted.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use usher_api::name::{InvitationName, MemberName};
use usher_runtime::Change;
use uuid::Uuid;

use crate::Community;
use crate::entity::{member, member_role, offer, offered_role, role};
use crate::error::{Error, RoleInUse};
use crate::event::{self, MemberFact};
use crate::membership::has_inheriting_role_without;
use crate::role::RoleId;
use crate::tree::HeldCommunity;

/// How many of each kind a refusal names.
const NAMED: u64 = 20;

/// Who uses a role whose tree is held.
#[derive(Debug)]
pub(crate) struct RoleUsers {
    members: Vec<MemberName>,
    member_count: u64,
    invitations: Vec<InvitationName>,
    invitation_count: u64,
}

impl RoleUsers {
    pub(crate) async fn load(change: &Change, role: &role::Model) -> Result<Self, Error> {
        let holders = || member::Entity::find().filter(Expr::exists(roles_of_row(role.id)));
        let rows = holders()
            .order_by_asc(member::Column::CommunityId)
            .order_by_asc(member::Column::UserId)
            .limit(NAMED)
            .all(&**change)
            .await?;
        let offered = Query::select()
            .column(offered_role::Column::InvitationId)
            .from(offered_role::Entity)
            .and_where(offered_role::Column::RoleId.eq(role.id))
            .to_owned();
        let offers =
            || offer::Entity::find().filter(offer::Column::InvitationId.in_subquery(offered.clone()));
        let offering = offers().order_by_asc(offer::Column::InvitationId).limit(NAMED).all(&**change).await?;
        Ok(Self {
            members: rows.iter().map(member::Model::name).collect(),
            member_count: holders().count(&**change).await?,
            invitations: offering.iter().map(offer::Model::name).collect(),
            invitation_count: offers().count(&**change).await?,
        })
    }

    /// Refuses a role that is in use.
    pub(crate) fn require_none(&self, role: &role::Model) -> Result<(), Error> {
        if self.member_count == 0 && self.invitation_count == 0 {
            return Ok(());
        }
        Err(Error::RoleInUse(Box::new(RoleInUse {
            role: role.name(),
            members: self.members.clone(),
            member_count: self.member_count,
            invitations: self.invitations.clone(),
            invitation_count: self.invitation_count,
        })))
    }

    pub(crate) fn member_count(&self) -> i64 {
        i64::try_from(self.member_count).unwrap_or(i64::MAX)
    }

    pub(crate) fn invitation_count(&self) -> i64 {
        i64::try_from(self.invitation_count).unwrap_or(i64::MAX)
    }

    /// How many members have no other role where they have this one.
    pub(crate) async fn count_left_without_roles(
        &self,
        change: &Change,
        role: &role::Model,
    ) -> Result<i64, Error> {
        let mut others = roles_of_any_row();
        others.and_where(member_role::Column::RoleId.ne(RoleId::Custom(role.id)));
        let left = member::Entity::find()
            .filter(Expr::exists(roles_of_row(role.id)))
            .filter(Expr::exists(others).not())
            .count(&**change)
            .await?;
        Ok(i64::try_from(left).unwrap_or(i64::MAX))
    }

    /// Takes the role from all members, in few statements however many they are.
    pub(crate) async fn take_role(
        &self,
        service: &Community,
        change: &Change,
        community: &HeldCommunity,
        role: &role::Model,
    ) -> Result<(), Error> {
        let lost = RoleId::Custom(role.id);
        let rows = member::Entity::update_many()
            .col_expr(member::Column::Version, Expr::col(member::Column::Version).add(1))
            .col_expr(member::Column::UpdateTime, Expr::value(service.clock.now()))
            // Whoever reached inside by this role alone does so no more.
            .col_expr(member::Column::Inherits, has_inheriting_role_without(lost))
            .filter(Expr::exists(roles_of_row(role.id)))
            .exec_with_returning(&**change)
            .await?;
        member_role::Entity::delete_many()
            .filter(member_role::Column::RoleId.eq(lost))
            .exec(&**change)
            .await?;
        let facts = rows.iter().map(|row| (row, MemberFact::Updated));
        event::of_members(service, change, community.root.name(), "", facts).await
    }
}

/// Selects the roles of the member in the row around it.
fn roles_of_any_row() -> SelectStatement {
    let of_row = |role, member| Expr::col((member_role::Entity, role)).equals((member::Entity, member));
    Query::select()
        .expr(Expr::val(1))
        .from(member_role::Entity)
        .and_where(of_row(member_role::Column::CommunityId, member::Column::CommunityId))
        .and_where(of_row(member_role::Column::UserId, member::Column::UserId))
        .to_owned()
}

fn roles_of_row(role: Uuid) -> SelectStatement {
    roles_of_any_row().and_where(member_role::Column::RoleId.eq(RoleId::Custom(role))).to_owned()
}
