//! One row for each API key of a community or of a service account. The identity service keeps what it is known by.

use sea_orm::entity::prelude::*;
use usher_api::community::{self as pb, Inheritance};
use usher_api::name::{ApiKeyName, ApiKeyOwner, CommunityName, ServiceAccountName, UserName};
use usher_runtime::{Failure, Timestamp};
use uuid::Uuid;

/// A key.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// The id in the resource name. What a key of a community may do is found by it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is, if a community's.
    pub community_id: Option<Uuid>,
    /// Whose it is, if a service account's.
    pub service_account_id: Option<Uuid>,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// What it is found by.
    pub search_key: String,
    /// Whether its permissions count in the communities inside, too.
    pub inherits: bool,
    /// Who made it.
    pub creator_id: Uuid,
    /// From when on it is good for nothing.
    pub expire_time: Option<Timestamp>,
    /// When it was revoked.
    pub revoke_time: Option<Timestamp>,
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
    pub(crate) fn name(&self) -> Result<ApiKeyName, Failure> {
        let owner = match (self.community_id, self.service_account_id) {
            (Some(id), None) => ApiKeyOwner::Community(CommunityName(id)),
            (None, Some(id)) => ApiKeyOwner::ServiceAccount(ServiceAccountName(id)),
            _ => return Err(Failure::internal("an API key has not one owner")),
        };
        Ok(ApiKeyName { owner, id: self.id })
    }

    /// The state at `now`.
    pub(crate) fn state(&self, now: Timestamp) -> pb::ApiKeyState {
        if self.revoke_time.is_some() {
            return pb::ApiKeyState::Revoked;
        }
        match self.expire_time {
            Some(time) if time <= now => pb::ApiKeyState::Expired,
            _ => pb::ApiKeyState::Active,
        }
    }

    /// The resource, with `permissions`, as it is at `now`.
    pub(crate) fn to_proto(&self, permissions: Vec<String>, now: Timestamp) -> Result<pb::ApiKey, Failure> {
        let inheritance = match (self.community_id, self.inherits) {
            (None, _) => Inheritance::Unspecified,
            (Some(_), true) => Inheritance::SelfAndDescendants,
            (Some(_), false) => Inheritance::Self_,
        };
        Ok(pb::ApiKey {
            name: self.name()?.to_string(),
            uid: self.id.to_string(),
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            permissions,
            inheritance: inheritance.into(),
            creator: UserName(self.creator_id).to_string(),
            state: self.state(now).into(),
            etag: self.version.to_string(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
            expire_time: self.expire_time.map(Into::into),
            revoke_time: self.revoke_time.map(Into::into),
            last_use_time: None,
        })
    }
}
