//! One row for each community that ever had a webhook: held while one is made.

use sea_orm::entity::prelude::*;

/// A community with webhooks.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_owner")]
pub struct Model {
    /// The id in the name of the community.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
}

impl ActiveModelBehavior for ActiveModel {}
