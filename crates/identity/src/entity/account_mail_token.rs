//! One row for each link that was made for a mail about an account.

use sea_orm::entity::prelude::*;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A link.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_mail_token")]
pub struct Model {
    /// The hash of its secret, which only the mail holds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// The mail.
    pub mail_id: Uuid,
    /// When it was made.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
