//! Asking for the password once more, before what somebody at a session left open, or with a stolen one, must not do.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_runtime::clock::micros;
use usher_runtime::{Caller, Violations, database};

use crate::entity::account::Model;
use crate::entity::session;
use crate::error::Error;
use crate::lockout::Target;
use crate::password::Password;
use crate::session::{Whereabouts, live};
use crate::{Identity, lockout};

/// How long ago somebody may have signed in who has no password to be asked for.
const RECENT: Duration = Duration::from_mins(10);

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
        attempt.fail(service, None, None).await?;
        return Err(Error::CurrentPasswordInvalid);
    }
    let change = service.database.change().await?;
    attempt.succeed(&change, None).await?;
    change.commit().await?;
    Ok(())
}

/// Refuses unless whoever calls shows that he is the person of `account`: by the password in the field `current_password`, or, if
/// he signs in without one, by having done so a moment ago. Returns the password.
///
/// # Errors
/// As [`confirm`], and [`Error::SignInNotRecent`]
pub(crate) async fn confirm_person(
    service: &Identity,
    caller: &Caller,
    account: &Model,
    current_password: &str,
) -> Result<Option<Password>, Error> {
    if account.password_hash.is_empty() {
        require_recent(service, caller).await?;
        return Ok(None);
    }
    let mut violations = Violations::default();
    let password = Password::enter("current_password", current_password, &mut violations);
    violations.finish()?;
    if let Some(password) = &password {
        confirm(service, caller, account, password).await?;
    }
    Ok(password)
}

async fn require_recent(service: &Identity, caller: &Caller) -> Result<(), Error> {
    let since = database::now(&*service.database).sub(micros(RECENT));
    let recent = session::Entity::find_by_id(caller.person()?.session)
        .filter(live(service))
        .filter(Expr::col(session::Column::CreateTime).gt(since))
        .one(&*service.database)
        .await?;
    if recent.is_some() { Ok(()) } else { Err(Error::SignInNotRecent) }
}
