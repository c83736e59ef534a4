//! The images of communities: one row for each that has one, apart from its other facts, which are read far more often.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

/// An image, checked when it came.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "community_image")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// Tells it apart from other images.
    pub image_id: String,
    /// What the content is, such as `image/png`.
    pub media_type: String,
    /// The content as it came.
    pub content: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
