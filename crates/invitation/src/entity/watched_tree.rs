//! One row for each tree that was ever watched.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

/// How far the changes of a tree have places.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "watched_tree")]
pub struct Model {
    /// The community at the top.
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    /// The last place that was given. 0 if none was.
    pub last_place: i64,
}

impl ActiveModelBehavior for ActiveModel {}
