//! One row for each session.

use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::{SessionName, UserName};
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A session of a person. Its refresh tokens are known by hashes: of what they have in common, of the newest, and of the one
/// before it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Named in access tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is.
    pub account_id: Uuid,
    /// SHA-256 of the half that all refresh tokens of the session share; unique.
    pub family_hash: Vec<u8>,
    /// SHA-256 of the newest refresh token.
    pub refresh_hash: Vec<u8>,
    /// SHA-256 of the token that was exchanged for the newest.
    pub previous_refresh_hash: Option<Vec<u8>>,
    /// When that token was exchanged first.
    pub rotate_time: Option<Timestamp>,
    /// The request that did it.
    pub rotate_request_id: Option<Uuid>,
    /// What the person signed in with, as the client told.
    pub device: String,
    /// The address that it was used from last. Empty if it is not known.
    pub address: String,
    /// When the person signed in.
    pub create_time: Timestamp,
    /// When it ends if nobody refreshes it.
    pub expire_time: Timestamp,
    /// When it was ended.
    pub end_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The resource, without anything that the session is used with. `current` is the session of the call.
    pub(crate) fn to_proto(&self, current: Option<Uuid>) -> pb::Session {
        let name = SessionName { user: UserName(self.account_id), id: self.id };
        pb::Session {
            name: name.to_string(),
            device: self.device.clone(),
            address: self.address.clone(),
            current: current == Some(self.id),
            create_time: Some(self.create_time.into()),
            last_use_time: Some(self.rotate_time.unwrap_or(self.create_time).into()),
            expire_time: Some(self.expire_time.into()),
        }
    }
}
