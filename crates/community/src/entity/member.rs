//! One row for each person in each community that he was ever brought into. Who only inherits from above has none.
//!
//! The row stays when he is removed, so that the numbers of its events go on should he come back.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use usher_api::community as pb;
use usher_api::name::{CommunityName, MemberName};
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A membership. Its roles are rows of their own.
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
    /// Whether one of his roles counts in the communities inside.
    pub inherits: bool,
    /// His name to order by and to search in, as far as it is known.
    pub name_key: String,
    /// His address to order by and to search in, as far as it is known.
    pub email_key: String,
    /// Whether both keys are those of his account. False only in rows that are older than the keys.
    pub person_known: bool,
    /// The number of the last event: every event is one more.
    pub version: i64,
    /// When he came.
    pub create_time: Timestamp,
    /// When his membership changed last.
    pub update_time: Timestamp,
    /// Why he is suspended.
    pub suspend_reason: Option<SuspendReason>,
    /// When he was reactivated last.
    pub reactivate_time: Option<Timestamp>,
    /// What invitations said to be found again here, as a JSON object. Empty if none did.
    pub annotations: String,
}

impl ActiveModelBehavior for ActiveModel {}

/// The states of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// His roles count.
    #[sea_orm(string_value = "active")]
    Active,
    /// They do not.
    #[sea_orm(string_value = "suspended")]
    Suspended,
    /// He is no member any more, and has no roles.
    #[sea_orm(string_value = "removed")]
    Removed,
}

/// Why somebody is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum SuspendReason {
    /// Somebody did it.
    #[sea_orm(string_value = "by_member")]
    ByMember,
    /// He did not sign in for long.
    #[sea_orm(string_value = "inactive")]
    Inactive,
    /// His account cannot be used.
    #[sea_orm(string_value = "account")]
    Account,
}

impl State {
    /// The state that a request names.
    pub(crate) fn from_proto(state: i32) -> Option<Self> {
        match pb::MemberState::try_from(state) {
            Ok(pb::MemberState::Active) => Some(Self::Active),
            Ok(pb::MemberState::Suspended) => Some(Self::Suspended),
            Ok(pb::MemberState::Unspecified) | Err(_) => None,
        }
    }

    /// The state as others see it. Those who were removed are not shown.
    pub(crate) fn to_proto(self) -> pb::MemberState {
        match self {
            Self::Active => pb::MemberState::Active,
            Self::Suspended => pb::MemberState::Suspended,
            Self::Removed => pb::MemberState::Unspecified,
        }
    }
}

impl From<SuspendReason> for pb::SuspendReason {
    fn from(reason: SuspendReason) -> Self {
        match reason {
            SuspendReason::ByMember => Self::ByMember,
            SuspendReason::Inactive => Self::Inactive,
            SuspendReason::Account => Self::Account,
        }
    }
}

impl Model {
    /// What invitations said to be found again here.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.annotations).unwrap_or_default()
    }

    /// The resource name.
    pub(crate) fn name(&self) -> MemberName {
        MemberName { community: CommunityName(self.community_id), user: self.user_id }
    }
}
