//! One row for each person who has a picture.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

/// The picture of a person.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "picture")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// Tells pictures apart.
    pub picture_id: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// As it was given.
    pub content: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
