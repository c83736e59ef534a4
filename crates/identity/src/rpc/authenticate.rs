use usher_api::identity as pb;
use usher_runtime::{Caller, Change, EmailAddress, Failure, Violations};

use crate::Identity;
use crate::account::hold_active;
use crate::admission::{Admission, admit};
use crate::entity::account::Model;
use crate::error::Error;
use crate::lockout::Target;
use crate::password::{Password, is_outdated};
use crate::session::Whereabouts;
use crate::{account, lockout};

pub(crate) async fn authenticate(
    service: &Identity,
    caller: &Caller,
    request: pb::AuthenticateRequest,
) -> Result<pb::AuthenticateResponse, Error> {
    let mut violations = Violations::default();
    let email: Option<EmailAddress> = violations.check("email", request.email.parse());
    let password = Password::enter("password", &request.password, &mut violations);
    let device = violations.text("device", &request.device, 0..=200);
    violations.finish()?;
    let (Some(email), Some(password)) = (email, password) else {
        return Err(Failure::internal("not parsed").into());
    };
    let whereabouts = Whereabouts { device, source: caller.source };
    let attempt = lockout::begin(service, Target::SignIn(&email), &whereabouts).await?;
    let found = account::find_by_email(service, &email).await?;
    // An account without a password is answered as one that does not exist.
    let found = found.filter(|account| !account.password_hash.is_empty());
    let stored = found.as_ref().map(|account| account.password_hash.clone());
    let matches = service.hasher.matches(&password, stored).await?;
    let Some(account) = found.as_ref().filter(|_| matches) else {
        attempt.fail(service, found.as_ref(), Some(&email)).await?;
        return Err(Error::CredentialsInvalid);
    };
    let hash = renew_outdated(service, account, &password).await?;
    let change = service.database.change().await?;
    if let Err(refusal) = require_usable(&change, account, &hash).await {
        return Err(attempt.withdraw(service, change, refusal).await);
    }
    Ok(match admit(service, change, account, whereabouts, attempt).await? {
        Admission::Session(credentials) => {
            pb::AuthenticateResponse { credentials: Some(credentials), challenge: None }
        }
        Admission::Challenge(challenge) => {
            pb::AuthenticateResponse { credentials: None, challenge: Some(challenge) }
        }
    })
}

/// Refuses an account that cannot be used. It stays usable until `change` ends.
async fn require_usable(change: &Change, account: &Model, hash: &str) -> Result<(), Error> {
    // The password may have been changed while the old one was compared.
    if hold_active(change, account.name()).await?.password_hash == hash {
        return Ok(());
    }
    Err(Failure::ConcurrentChange.into())
}

/// The hash of the password, made anew if it was made with less work than today.
async fn renew_outdated(service: &Identity, account: &Model, password: &Password) -> Result<String, Error> {
    if !is_outdated(&account.password_hash) {
        return Ok(account.password_hash.clone());
    }
    let hash = service.hasher.hash(password).await?;
    account::renew_hash(service, account, hash.clone()).await?;
    Ok(hash)
}
