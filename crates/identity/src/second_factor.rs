//! What people show beside the password.
//!
//! | file | what is in it |
//! |---|---|
//! | `totp.rs` | apps that show codes (RFC 6238) |
//! | `code.rs` | codes that people write down: to be used when the app is lost, or handed over by an administrator |
//! | `challenge.rs` | sign-ins that wait for it |

pub(crate) mod challenge;
pub(crate) mod code;
pub(crate) mod totp;

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use usher_api::identity::SecondFactor;
use usher_runtime::Change;

use crate::entity::{backup_code, recovery_code, totp as apps};
use crate::error::Error;
use crate::{Identity, community_rules};

/// What an account has.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    pub(crate) app: Option<apps::Model>,
    pub(crate) backup_codes: u64,
    /// An administrator took the others away, and the person has not shown the recovery code since.
    pub(crate) recovering: bool,
}

impl Factors {
    pub(crate) async fn of(reader: &impl ConnectionTrait, account: Uuid) -> Result<Self, DbErr> {
        let codes = backup_code::Entity::find().filter(backup_code::Column::AccountId.eq(account));
        Ok(Self {
            app: apps::Entity::find_by_id(account).one(reader).await?,
            backup_codes: codes.count(reader).await?,
            recovering: recovery_code::Entity::find_by_id(account).one(reader).await?.is_some(),
        })
    }

    /// What is accepted at signing in.
    pub(crate) fn accepted(&self) -> Vec<SecondFactor> {
        if self.recovering {
            return vec![SecondFactor::RecoveryCode];
        }
        let app = self.app.iter().map(|_| SecondFactor::Totp);
        app.chain((self.backup_codes > 0).then_some(SecondFactor::BackupCode)).collect()
    }
}

/// What is asked of somebody who has shown the first factor.
pub(crate) enum Demand {
    /// Nothing more.
    Nothing,
    /// To show one of these.
    Proof(Vec<SecondFactor>),
    /// To enrol: a community asks for what he does not have.
    Enrollment,
}

/// What is asked of the person of `account`.
pub(crate) async fn demand(
    service: &Identity,
    reader: &impl ConnectionTrait,
    account: Uuid,
) -> Result<Demand, Error> {
    let accepted = Factors::of(reader, account).await?.accepted();
    if !accepted.is_empty() {
        return Ok(Demand::Proof(accepted));
    }
    let asked = community_rules::of_account(reader, service, account).await?;
    Ok(if asked.two_factor { Demand::Enrollment } else { Demand::Nothing })
}

/// Whether the account has a second factor.
pub(crate) async fn is_enabled(reader: &impl ConnectionTrait, account: Uuid) -> Result<bool, DbErr> {
    Ok(apps::Entity::find_by_id(account).one(reader).await?.is_some())
}

/// Takes everything away within `change` that could be shown, was about to be, or is asked for.
pub(crate) async fn remove_all(change: &Change, account: Uuid) -> Result<(), DbErr> {
    apps::Entity::delete_by_id(account).exec(&**change).await?;
    totp::end_enrollment(change, account).await?;
    code::remove_recovery(change, account).await?;
    code::remove_backups(change, account).await
}
