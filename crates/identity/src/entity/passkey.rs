//! One row for each passkey.

use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::{PasskeyName, UserName};
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A passkey of a person. Its private half is in an authenticator.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkey")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is.
    pub account_id: Uuid,
    /// What its authenticator calls it; unique.
    pub credential_id: Vec<u8>,
    /// The public key and how often it was used, sealed for the account, so that nobody who can write rows gives somebody his own.
    pub sealed_credential: String,
    /// What the person calls it.
    pub display_name: String,
    /// Counts its changes from 1. To be used is none.
    pub version: i64,
    /// When it was registered.
    pub create_time: Timestamp,
    /// When the person signed in with it last.
    pub last_use_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> PasskeyName {
        PasskeyName { user: UserName(self.account_id), id: self.id }
    }

    /// The resource.
    pub(crate) fn to_proto(&self) -> pb::Passkey {
        pb::Passkey {
            name: self.name().to_string(),
            display_name: self.display_name.clone(),
            create_time: Some(self.create_time.into()),
            last_use_time: self.last_use_time.map(Into::into),
            etag: self.version.to_string(),
        }
    }
}
