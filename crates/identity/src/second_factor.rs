//! What people show beside the password.
//!
//! | file | what is in it |
//! |---|---|
//! | `totp.rs` | apps that show codes (RFC 6238) |
//! | `code.rs` | codes that people write down: to be used when the app is lost, or handed over by an administrator |
//! | `challenge.rs` | sign-ins that wait for it |
//! | `disabling.rs` | doing without it |
//! | `enrollment.rs` | what enrolling has in common, whatever it is |
//!
//! Passkeys, which serve without a password as well, are in `passkey.rs`.

pub(crate) mod challenge;
pub(crate) mod code;
pub(crate) mod disabling;
pub(crate) mod enrollment;
pub(crate) mod totp;

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use usher_api::identity::SecondFactor;
use usher_runtime::{Change, Timestamp};

use crate::entity::account::{Column as AccountColumn, Entity as Accounts, Factor, Model as Account};
use crate::entity::{backup_code, passkey, recovery_code, totp as apps, totp_enrollment};
use crate::error::Error;
use crate::passkey::{ceremony, registered};
use crate::{Identity, community_rules};

/// What an account has.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    pub(crate) app: Option<apps::Model>,
    pub(crate) passkeys: Vec<passkey::Model>,
    pub(crate) backup_codes: u64,
    /// What the person wants to be asked for first, if he has it.
    pub(crate) preferred: Option<Factor>,
    /// An administrator took the others away, and the person has not shown the recovery code since.
    pub(crate) recovering: bool,
}

impl Factors {
    pub(crate) async fn of(reader: &impl ConnectionTrait, account: &Account) -> Result<Self, DbErr> {
        let id = account.id;
        let codes = backup_code::Entity::find().filter(backup_code::Column::AccountId.eq(id));
        let mut factors = Self {
            app: apps::Entity::find_by_id(id).one(reader).await?,
            passkeys: registered::of_account(reader, id).await?,
            backup_codes: codes.count(reader).await?,
            preferred: account.preferred_factor,
            recovering: recovery_code::Entity::find_by_id(id).one(reader).await?.is_some(),
        };
        factors.preferred = factors.preferred.filter(|preferred| factors.enrolled().contains(preferred));
        Ok(factors)
    }

    /// What the person enrolled, passkeys first: nobody can be talked out of one.
    pub(crate) fn enrolled(&self) -> Vec<Factor> {
        let there = [(!self.passkeys.is_empty(), Factor::Passkey), (self.app.is_some(), Factor::Totp)];
        there.into_iter().filter_map(|(there, factor)| there.then_some(factor)).collect()
    }

    /// What is accepted at signing in, in the order in which it is asked for.
    pub(crate) fn accepted(&self) -> Vec<SecondFactor> {
        if self.recovering {
            return vec![SecondFactor::RecoveryCode];
        }
        let mut enrolled = self.enrolled();
        enrolled.sort_by_key(|factor| Some(*factor) != self.preferred);
        let codes = (self.backup_codes > 0).then_some(SecondFactor::BackupCode);
        enrolled.into_iter().map(Factor::to_proto).chain(codes).collect()
    }

    /// Since when there is one.
    pub(crate) fn enable_time(&self) -> Option<Timestamp> {
        let passkeys = self.passkeys.iter().map(|passkey| passkey.create_time);
        passkeys.chain(self.app.as_ref().map(|app| app.enable_time)).min()
    }
}

/// What is asked of somebody who has shown the first factor.
pub(crate) enum Demand {
    /// Nothing more.
    Nothing,
    /// To show one of those of these that are accepted.
    Proof(Factors),
    /// To enrol: a community asks for what he does not have.
    Enrollment,
}

/// What is asked of the person of `account`.
pub(crate) async fn demand(
    service: &Identity,
    reader: &impl ConnectionTrait,
    account: &Account,
) -> Result<Demand, Error> {
    let factors = Factors::of(reader, account).await?;
    if !factors.accepted().is_empty() {
        return Ok(Demand::Proof(factors));
    }
    let asked = community_rules::of_account(reader, service, account.id).await?;
    Ok(if asked.two_factor { Demand::Enrollment } else { Demand::Nothing })
}

/// Whether the account has a second factor.
pub(crate) async fn is_enabled(reader: &impl ConnectionTrait, account: Uuid) -> Result<bool, DbErr> {
    let app = apps::Entity::find_by_id(account).one(reader).await?;
    Ok(app.is_some() || registered::is_any(reader, account).await?)
}

/// Ends within `change` what somebody has begun: sign-ins that wait, and enrolling.
pub(crate) async fn end_begun(change: &Change, account: Uuid) -> Result<(), DbErr> {
    challenge::end_all(change, account).await?;
    totp_enrollment::Entity::delete_by_id(account).exec(&**change).await?;
    ceremony::end_all(change, account).await
}

/// Takes everything away within `change` that could be shown, was about to be, or is asked for.
pub(crate) async fn remove_all(change: &Change, account: Uuid) -> Result<(), DbErr> {
    apps::Entity::delete_by_id(account).exec(&**change).await?;
    registered::remove_all(change, account).await?;
    end_begun(change, account).await?;
    Accounts::update_many()
        .col_expr(AccountColumn::HasPasskey, Expr::value(false))
        .col_expr(AccountColumn::PreferredFactor, Expr::value(None::<Factor>))
        .filter(AccountColumn::Id.eq(account))
        .exec(&**change)
        .await?;
    code::remove_recovery(change, account).await?;
    code::remove_backups(change, account).await
}
