//! The last administrator stays.
//!
//! An administrator is an active member of the community at the top with the built-in role `admin`; in an MSSP community, one
//! whose role reaches all inside. So there is somebody with every permission in every community of the tree, those made later
//! included. A custom role does not count, even if it holds every permission there is: services register new ones at any time, and
//! only `admin` follows.

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, JoinType};
use usher_runtime::Change;

use crate::authority::membership_of_role;
use crate::entity::community::{Kind, Model};
use crate::entity::{member, member_role};
use crate::error::Error;
use crate::role::{BuiltInRole, RoleId};

/// Refuses if `root`, a community at the top whose tree is held, has no administrator after what `change` did.
pub(crate) async fn require_one(change: &Change, root: &Model) -> Result<(), Error> {
    let mut admin = Query::select()
        .expr(Expr::val(1))
        .from(member_role::Entity)
        .join(JoinType::InnerJoin, member::Entity, membership_of_role())
        .and_where(member_role::Column::RoleId.eq(RoleId::BuiltIn(BuiltInRole::Admin)))
        .and_where(member_role::Column::CommunityId.eq(root.id))
        .and_where(member::Column::State.eq(member::State::Active))
        .limit(1)
        .to_owned();
    if root.kind == Kind::Mssp {
        admin.and_where(member_role::Column::Inherits.eq(true));
    }
    match change.query_one(&admin).await? {
        Some(_) => Ok(()),
        None => Err(Error::LastAdministrator(root.name())),
    }
}
