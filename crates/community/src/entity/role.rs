//! One row for each custom role. Built-in roles have none.

use sea_orm::entity::prelude::*;
use usher_api::community as pb;
use usher_api::name::{CommunityName, RoleName};
use usher_runtime::Timestamp;
use uuid::Uuid;

use crate::role::RoleId;

/// A custom role. Its permissions are rows of their own.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "role")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose role it is. The communities inside that one can give it too.
    pub community_id: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// The name to compare by, unique within the community.
    pub display_name_key: String,
    /// What it is for.
    pub description: String,
    /// Counts its changes from 1.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it changed last.
    pub update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> RoleName {
        RoleId::Custom(self.id).in_community(CommunityName(self.community_id))
    }

    /// The resource, with these permissions, which must be sorted.
    pub(crate) fn to_proto(&self, permissions: impl IntoIterator<Item = impl Into<String>>) -> pb::Role {
        pb::Role {
            name: self.name().to_string(),
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            permissions: permissions.into_iter().map(Into::into).collect(),
            built_in: false,
            etag: self.version.to_string(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
        }
    }
}
