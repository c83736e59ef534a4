//! One row for each link that was made.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A token, known by its hash only.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// What it opens.
    pub invitation_id: Uuid,
    /// When it was made.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
