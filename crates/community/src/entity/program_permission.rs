//! One row for each permission that was given to a program, an API key or a service account, in a community.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

/// A permission that was given.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "program_permission")]
pub struct Model {
    /// The key or the account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub program_id: Uuid,
    /// Where it was given.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// Which.
    #[sea_orm(primary_key, auto_increment = false)]
    pub permission: String,
    /// Whether it counts in the communities inside, too.
    pub inherits: bool,
}

impl ActiveModelBehavior for ActiveModel {}
