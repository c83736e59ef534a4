//! One row for each API key. What it may do is kept by the community service; here is what it is known by.

use sea_orm::entity::prelude::*;
use usher_api::name::ApiKeyName;
use usher_runtime::{Failure, Timestamp};
use uuid::Uuid;

/// A key.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is: the rest of the resource name.
    pub owner: String,
    /// The hash of the secret.
    #[sea_orm(unique)]
    pub hash: Vec<u8>,
    /// The secret, sealed, for whoever did not get the answer. Not after the first use.
    pub sealed_secret: Option<String>,
    /// From when on it is refused.
    pub expire_time: Option<Timestamp>,
    /// When it was revoked.
    pub revoke_time: Option<Timestamp>,
    /// When it was used, give or take a minute.
    pub last_use_time: Option<Timestamp>,
    /// When it was made.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> Result<ApiKeyName, Failure> {
        let owner = self.owner.parse().map_err(Failure::internal)?;
        Ok(ApiKeyName { owner, id: self.id })
    }
}
