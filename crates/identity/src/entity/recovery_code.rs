//! One row for each account whose second factor was reset, until its person has enrolled anew.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// What an administrator hands over to the person. Enrolling deletes the row; when its time is over, the row stays, so that the
/// password alone still opens nothing.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_code")]
pub struct Model {
    /// For whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// SHA-256 of it.
    pub hash: Vec<u8>,
    /// When it serves no longer.
    pub expire_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
