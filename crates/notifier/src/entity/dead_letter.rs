//! One row for each mail that was given up.

use sea_orm::entity::prelude::*;
use usher_api::name::{DeadLetterName, DeliveryName};
use usher_api::notifier as pb;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A mail that failed for good.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "given_up_mail")]
pub struct Model {
    /// The id in the resource name. Rises with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The mail.
    pub delivery_id: Uuid,
    /// Why it was given up.
    pub reason: String,
    /// When.
    pub create_time: Timestamp,
    /// When somebody had it tried again.
    pub redrive_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> DeadLetterName {
        DeadLetterName(self.id)
    }

    /// The resource.
    pub(crate) fn to_proto(&self) -> pb::DeadLetter {
        pb::DeadLetter {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            delivery: DeliveryName(self.delivery_id).to_string(),
            reason: self.reason.clone(),
            create_time: Some(self.create_time.into()),
            redrive_time: self.redrive_time.map(Into::into),
        }
    }
}
