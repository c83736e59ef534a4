//! One row for each role that was given to a person. The row stays in the community where it was given: what
//! counts in the communities inside follows from `inherits`.

use sea_orm::entity::prelude::*;
use usher_api::name::{PrincipalName, UserName};
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
    /// The id of who gave it.
    pub granted_by: Uuid,
    /// The name of the program that gave it. Empty if a person did.
    pub granted_by_program: String,
    /// When.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// Who gave a role, from the columns that tell it.
pub(crate) fn giver(id: Uuid, program: &str) -> PrincipalName {
    program.parse().unwrap_or(PrincipalName::User(UserName(id)))
}

/// What the columns that tell who gave a role hold: the id, and the name if it is a program.
pub(crate) fn giver_columns(giver: PrincipalName) -> (Uuid, String) {
    let program = if giver.user().is_some() { String::new() } else { giver.to_string() };
    (giver.id(), program)
}
