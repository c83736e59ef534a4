//! One row for each account whose person is about to enrol an app.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// An app that has not shown yet that it works.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "totp_enrollment")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// What it shares with us, sealed.
    pub sealed_secret: String,
    /// When it is too late to confirm it.
    pub expire_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
