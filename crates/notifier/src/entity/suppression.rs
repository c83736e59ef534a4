//! One row for each address that gets no mail.

use sea_orm::entity::prelude::*;
use usher_api::name::{DeliveryName, SuppressionName};
use usher_api::notifier as pb;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// An address that gets no mail, without the address.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "suppression")]
pub struct Model {
    /// The id in the resource name. Rises with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A keyed hash of the canonical address.
    pub address_key: Vec<u8>,
    /// Enough to recognise the address.
    pub masked_email: String,
    /// Why.
    pub reason: Reason,
    /// What an administrator wants to remember.
    pub note: String,
    /// The mail whose refusal made it.
    pub delivery_id: Option<Uuid>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it ends by itself.
    pub expire_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Why an address gets no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Reason {
    /// An administrator said so.
    #[sea_orm(string_value = "administrator")]
    Administrator,
    /// A mail server said that there is no such mailbox.
    #[sea_orm(string_value = "no_such_mailbox")]
    NoSuchMailbox,
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> SuppressionName {
        SuppressionName(self.id)
    }

    /// The resource.
    pub(crate) fn to_proto(&self) -> pb::Suppression {
        let reason = match self.reason {
            Reason::Administrator => pb::SuppressionReason::Administrator,
            Reason::NoSuchMailbox => pb::SuppressionReason::NoSuchMailbox,
        };
        pb::Suppression {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            email: String::new(),
            masked_email: self.masked_email.clone(),
            reason: reason.into(),
            note: self.note.clone(),
            delivery: self.delivery_id.map(|id| DeliveryName(id).to_string()).unwrap_or_default(),
            create_time: Some(self.create_time.into()),
            expire_time: self.expire_time.map(Into::into),
        }
    }
}
