//! One row for each sign-in that waits for a second factor.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// Somebody who has shown the first factor. The right answer deletes the row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "challenge")]
pub struct Model {
    /// SHA-256 of its token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// Whose factors were asked for.
    pub account_id: Uuid,
    /// Whether it asks to enrol, not to show what is enrolled.
    pub enrolls: bool,
    /// What the person signs in with, as the client told.
    pub device: String,
    /// What the answer of a passkey is checked against, sealed, if there is one to ask.
    pub sealed_passkey_state: Option<String>,
    /// When it is too late to answer.
    pub expire_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
