//! One row for each registration of a passkey, and each sign-in with one, that was begun and is not finished.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// What an authenticator is asked for. Finishing deletes it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkey_ceremony")]
pub struct Model {
    /// SHA-256 of its token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// Who registers. None if somebody signs in.
    pub account_id: Option<Uuid>,
    /// What the answer is checked against, sealed.
    pub sealed_state: String,
    /// Where it was begun, as ranges that are counted together. Empty if it is not known.
    pub source_range: String,
    /// When it was begun.
    pub create_time: Timestamp,
    /// When it is too late to finish.
    pub expire_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
