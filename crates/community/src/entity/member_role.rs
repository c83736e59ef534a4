//! One row for each role that was given to a person. The row stays in the community where it was given: what
//! counts in the communities inside follows from `inherits`.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

use crate::role::RoleId;

/// A role that was given.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "member_role")]
pub struct Model {
    /// Where it was given.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// To whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// Which.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role_id: RoleId,
    /// Whether it counts in the communities inside too, those made later included.
    #[sea_orm(primary_key, auto_increment = false)]
    pub inherits: bool,
    /// The id of the role again, if it is a custom one: what it holds is found by it.
    pub custom_role_id: Option<Uuid>,
    /// The name of the invitation that brought it. Empty if none did.
    pub invitation: String,
    /// Who gave it.
    pub granted_by: Uuid,
    /// When.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
