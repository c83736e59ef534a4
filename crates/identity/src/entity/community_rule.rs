//! What a community asks of the sessions and accounts of its members, as the community service tells.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

/// What a community itself asks. One that never asked anything has no row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "community_rule")]
pub struct Model {
    /// Which community.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// The community at the top of the tree.
    pub root_id: Uuid,
    /// How long a session may stay unused, in seconds.
    pub session_duration: Option<i64>,
    /// Whether members need a second factor.
    pub enforce_two_factor: bool,
    /// The number of the last change of the settings that is known.
    pub version: i64,
    /// Whether the community is deleted, and asks nothing until it is brought back.
    pub deleted: bool,
    /// Whether the community is suspended. Nobody signs in by its connections.
    pub suspended: bool,
    /// The number of the last change of the community that is known.
    pub community_version: i64,
}

impl ActiveModelBehavior for ActiveModel {}
