//! One row for each key that signs access tokens.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;

/// An Ed25519 key.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_key")]
pub struct Model {
    /// Named in the header of tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// The public half in base64url.
    pub public_key: String,
    /// The private half, sealed.
    pub sealed_private_key: String,
    /// Whether it signs. One key does at a time.
    pub signs: bool,
    /// When it was made.
    pub create_time: Timestamp,
    /// When nothing that it signed is good any more.
    pub retire_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
