//! One row for each account that signs in by a connection.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// Who somebody is that a provider knows. An account has at most one identity in each connection.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "link")]
pub struct Model {
    /// By which connection.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// What the provider calls him, for ever.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Who he is here; unique in a connection.
    pub account_id: Uuid,
    /// When he signed in by it for the first time.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
