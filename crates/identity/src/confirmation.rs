//! Asking for the password once more, before what somebody at a session left open, or with a stolen one, must not do.

use usher_runtime::Caller;

use crate::entity::account::Model;
use crate::error::Error;
use crate::lockout::Target;
use crate::password::Password;
use crate::session::Whereabouts;
use crate::{Identity, lockout};

/// Refuses unless `password` is the present one of `account`. Guesses are as few as at signing in.
///
/// # Errors
/// [`Error::PasswordNotSet`], [`Error::CurrentPasswordInvalid`], [`Error::SignInLocked`], [`Error::SignInThrottled`]
pub(crate) async fn confirm(
    service: &Identity,
    caller: &Caller,
    account: &Model,
    password: &Password,
) -> Result<(), Error> {
    if account.password_hash.is_empty() {
        return Err(Error::PasswordNotSet { user: account.name().to_string() });
    }
    let whereabouts = Whereabouts { device: String::new(), source: caller.source };
    let attempt = lockout::begin(service, Target::Confirmation(account.name()), &whereabouts).await?;
    if !service.hasher.matches(password, Some(account.password_hash.clone())).await? {
        attempt.fail(service, None).await?;
        return Err(Error::CurrentPasswordInvalid);
    }
    let change = service.database.change().await?;
    attempt.succeed(&change, None).await?;
    change.commit().await?;
    Ok(())
}
