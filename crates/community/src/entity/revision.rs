//! How often a tree of communities, the catalogue of permissions, or the state of an account changed. One row for each.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

/// A counter of changes. Whoever changes anything in its scope raises it in the same transaction, which also keeps other
/// changes of the scope waiting.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revision")]
pub struct Model {
    /// The id of the community at the top of the tree, or of a person whose account was stopped or came back. All zeros: the catalogue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: Uuid,
    /// Rises by one with every change.
    pub number: i64,
}

impl ActiveModelBehavior for ActiveModel {}
