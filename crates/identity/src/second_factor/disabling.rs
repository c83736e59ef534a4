//! Doing without a second factor.

use usher_runtime::Change;

use super::remove_all;
use crate::entity::account::Model as Account;
use crate::entity::account_mail::Kind;
use crate::error::Error;
use crate::password::{Password, is_enough_alone};
use crate::{Identity, account, account_mail, community_rules};

/// Refuses where the password, which is None if the account has none, cannot be all that there is.
///
/// # Errors
/// [`Error::PasswordTooShort`], [`Error::TwoFactorEnforced`]
pub(crate) async fn require_dispensable(
    service: &Identity,
    change: &Change,
    account: &Account,
    password: Option<&Password>,
) -> Result<(), Error> {
    if !password.is_none_or(is_enough_alone) {
        return Err(Error::PasswordTooShort(account.name()));
    }
    if community_rules::of_account(&**change, service, account.id).await?.two_factor {
        return Err(Error::TwoFactorEnforced(account.name()));
    }
    Ok(())
}

/// Writes within `change` that no second factor is asked for any more.
pub(crate) async fn disable(service: &Identity, change: &Change, account: &Account) -> Result<(), Error> {
    remove_all(change, account.id).await?;
    let row = account::write(service, change, account.id, Vec::new(), "user.two_factor_disabled").await?;
    account_mail::notify(service, change, Kind::TwoFactorDisabled, &row).await
}
