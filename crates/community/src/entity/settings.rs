//! What a community asks of its members. A community that never said has no row.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// The settings of a community. `None` asks nothing.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "community_settings")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// Canonical domains, separated by commas.
    pub allowed_email_domains: Option<String>,
    /// The most active members of each community.
    pub seat_limit: Option<i64>,
    /// In seconds.
    pub max_invitation_life: Option<i64>,
    /// Whether members need a second factor.
    pub enforce_two_factor: bool,
    /// In seconds.
    pub session_duration: Option<i64>,
    /// Whether members who stay away are suspended.
    pub deactivate_inactive_members: bool,
    /// Who may be added without being asked.
    pub direct_addition: Option<DirectAddition>,
    /// Whether invitations may carry a message of the inviter.
    pub personal_messages: Option<PersonalMessages>,
    /// Counts its changes from 1.
    pub version: i64,
    /// When it changed last.
    pub update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// Who may be made a member without being asked, from the least strict to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum DirectAddition {
    /// Whoever has a verified account.
    #[sea_orm(string_value = "anybody")]
    Anybody,
    /// Active members of the same tree.
    #[sea_orm(string_value = "tree_members")]
    TreeMembers,
    /// Nobody.
    #[sea_orm(string_value = "nobody")]
    Nobody,
}

/// Whether invitations may carry a message of the inviter, from the least strict to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum PersonalMessages {
    /// They may.
    #[sea_orm(string_value = "allowed")]
    Allowed,
    /// They may not.
    #[sea_orm(string_value = "forbidden")]
    Forbidden,
}
