//! One row for each limit on invitations and whom it holds.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;

/// How much of a limit was used. It fills up evenly with time.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "allowance")]
pub struct Model {
    /// Which limit.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: String,
    /// Whom it holds: the id of an inviter or of a community at the top, or a keyed hash of an address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// When all of it will be there again. The past if it is.
    pub full_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
