//! One row for each seat that an invitation holds, or is about to.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A seat of a community that is kept for whoever accepts an invitation. It counts as taken while it is confirmed or leased.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "seat_reservation")]
pub struct Model {
    /// The invitation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invitation_id: Uuid,
    /// The community.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// Whether the invitation is known to be pending.
    pub confirmed: bool,
    /// Until when the seat is kept for an invitation that is about to be pending. `None` once it is known what became of it.
    pub lease_time: Option<Timestamp>,
    /// The last event of the invitation that was known when the seat was asked for. Only later ones tell what became of it.
    pub after_version: i64,
}

impl ActiveModelBehavior for ActiveModel {}
