use usher_api::identity as pb;
use usher_runtime::{Caller, EmailAddress, Failure, Violations};

use crate::Identity;
use crate::error::Error;
use crate::lockout::Target;
use crate::password::{Password, is_outdated};
use crate::session::Whereabouts;
use crate::{account, lockout, session};

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
        attempt.fail(service, found.as_ref()).await?;
        return Err(Error::CredentialsInvalid);
    };
    if is_outdated(&account.password_hash) {
        let hash = service.hasher.hash(&password).await?;
        account::renew_hash(service, account, hash).await?;
    }
    let credentials = session::begin(service, account, whereabouts, attempt).await?;
    Ok(pb::AuthenticateResponse { credentials: Some(credentials) })
}
