//! One row for each service account: a program that acts in communities by permissions that they gave it.

use sea_orm::entity::prelude::*;
use usher_api::community as pb;
use usher_api::name::ServiceAccountName;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A service account.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "service_account")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// What it is found by.
    pub search_key: String,
    /// Whether it may do anything.
    pub enabled: bool,
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
    pub(crate) fn name(&self) -> ServiceAccountName {
        ServiceAccountName(self.id)
    }

    /// Whether it may do anything, as others see it.
    pub(crate) fn state(&self) -> pb::ServiceAccountState {
        if self.enabled { pb::ServiceAccountState::Enabled } else { pb::ServiceAccountState::Disabled }
    }

    /// The resource, with what communities gave it.
    pub(crate) fn to_proto(&self, access: Vec<pb::ServiceAccountAccess>) -> pb::ServiceAccount {
        pb::ServiceAccount {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            state: self.state().into(),
            access,
            etag: self.version.to_string(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
        }
    }
}
