//! One row for each time that somebody tried to sign in.

use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::{SignInName, UserName};
use usher_runtime::Timestamp;
use uuid::Uuid;

/// An attempt to sign in, kept for the person to look at, and to count failures by.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A keyed hash of the address that was tried, in its canonical form. Whether or not it has an account.
    pub address_key: Vec<u8>,
    /// Whose account was tried. None if the address has none.
    pub account_id: Option<Uuid>,
    /// What came of it.
    pub outcome: Outcome,
    /// What the person tried it with, as the client told.
    pub device: String,
    /// The address that it came from. Empty if it is not known.
    pub source: String,
    /// The addresses among which failures are counted: one of IPv4, a /64 of IPv6. Empty if it is not known.
    pub source_range: String,
    /// When, by the database's clock.
    pub create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// What came of an attempt to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Outcome {
    /// It is being looked at; or the process that did so is gone.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// A session began.
    #[sea_orm(string_value = "succeeded")]
    Succeeded,
    /// The password, or the second factor, was wrong.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// So it was, and the account is locked since then.
    #[sea_orm(string_value = "locked")]
    Locked,
    /// The first factor was right, and a second was asked for.
    #[sea_orm(string_value = "challenged")]
    Challenged,
}

impl Model {
    /// The resource.
    pub(crate) fn to_proto(&self, user: UserName) -> pb::SignIn {
        let outcome = match self.outcome {
            Outcome::Pending => pb::SignInOutcome::Unspecified,
            Outcome::Succeeded => pb::SignInOutcome::Succeeded,
            Outcome::Failed => pb::SignInOutcome::Failed,
            Outcome::Locked => pb::SignInOutcome::Locked,
            Outcome::Challenged => pb::SignInOutcome::Challenged,
        };
        pb::SignIn {
            name: SignInName { user, id: self.id }.to_string(),
            outcome: outcome.into(),
            device: self.device.clone(),
            address: self.source.clone(),
            create_time: Some(self.create_time.into()),
        }
    }
}
