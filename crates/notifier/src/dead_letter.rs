//! Mails that were given up, kept with the reason until somebody has them tried again.

use sea_orm::entity::prelude::*;
use usher_runtime::Change;

use crate::Notifier;
use crate::entity::dead_letter::{ActiveModel, Entity, Model};
use crate::entity::delivery;

/// Keeps a mail that failed for good.
pub(crate) async fn bury(
    service: &Notifier,
    change: &Change,
    delivery: &delivery::Model,
) -> Result<(), DbErr> {
    let now = service.clock.now();
    let row = Model {
        id: service.random.uuid(now),
        delivery_id: delivery.id,
        reason: delivery.last_error.clone(),
        create_time: now,
        redrive_time: None,
    };
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&**change).await?;
    Ok(())
}
