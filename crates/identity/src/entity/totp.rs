//! One row for each account with an app that shows codes.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// The app of a person, which has shown that it works.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "totp")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// What it shares with us, sealed.
    pub sealed_secret: String,
    /// The number of the step of the last code that was taken. It and those before it are not taken again.
    pub last_step: i64,
    /// Since when the account has a second factor.
    pub enable_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
