//! One row for each person in each community that he was brought into. Who only inherits from above has none.

use sea_orm::entity::prelude::*;
use usher_api::name::{CommunityName, MemberName};
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A membership. Its roles are rows of their own, at least one.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "member")]
pub struct Model {
    /// The community.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// The person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// Whether his roles count.
    pub state: State,
    /// The number of the last event: every event is one more.
    pub version: i64,
    /// When he came.
    pub create_time: Timestamp,
    /// When his membership changed last.
    pub update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// The states of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// His roles count.
    #[sea_orm(string_value = "active")]
    Active,
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> MemberName {
        MemberName { community: CommunityName(self.community_id), user: self.user_id }
    }
}
