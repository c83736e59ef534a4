//! Who belongs to which community, as the community service tells.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A membership. One that ended keeps its row: news of it may come late and out of order.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "membership")]
pub struct Model {
    /// Who.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// Where.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// The community at the top of the tree.
    pub root_id: Uuid,
    /// Whether a role reaches the communities inside.
    pub inherits: bool,
    /// Whether he is a member, and not suspended.
    pub active: bool,
    /// The number of the last change that is known.
    pub version: i64,
    /// Set while it is only expected: until when it counts although the community service has not told it.
    pub expected_until: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
