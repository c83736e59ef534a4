//! Which events a consumer has dealt with. The table decides, not the broker's acknowledgement.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use uuid::Uuid;

use crate::{Change, Timestamp};

/// One event that one consumer has dealt with.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "processed_event")]
pub struct Model {
    /// The name of the consumer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub consumer: String,
    /// The id of the event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    /// When.
    pub process_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// Whether `consumer` sees the event for the first time; it counts as seen when `change` commits. Of two at once, the second
/// waits here for the first.
pub async fn first_time(
    change: &Change,
    consumer: &str,
    event_id: Uuid,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row =
        ActiveModel { consumer: Set(consumer.to_owned()), event_id: Set(event_id), process_time: Set(now) };
    let insert = Entity::insert(row).on_conflict(OnConflict::new().do_nothing().to_owned());
    Ok(insert.exec_without_returning(&**change).await? > 0)
}
