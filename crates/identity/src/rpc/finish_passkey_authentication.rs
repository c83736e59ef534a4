use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Change, Violations};
use webauthn_rs::prelude::{DiscoverableAuthentication, PublicKeyCredential};

use crate::admission::enter;
use crate::entity::account::{Model as Account, State};
use crate::error::Error;
use crate::lockout::Target;
use crate::passkey::registered::{find, prove, relying_party};
use crate::passkey::{ceremony, read_shown};
use crate::session::Whereabouts;
use crate::{Identity, account, lockout};

pub(crate) async fn finish_passkey_authentication(
    service: &Identity,
    caller: &Caller,
    request: pb::FinishPasskeyAuthenticationRequest,
) -> Result<pb::FinishPasskeyAuthenticationResponse, Error> {
    let mut violations = Violations::default();
    let shown = read_shown("credential", &request.credential, &mut violations);
    let device = violations.text("device", &request.device, 0..=200);
    let shown = required(shown, &mut violations)?;
    violations.finish()?;
    relying_party(service)?;
    let state = ceremony::take(service, None, &request.authentication_token).await?;
    let state: DiscoverableAuthentication = state.ok_or(Error::ChallengeInvalid)?;
    let whereabouts = Whereabouts { device, source: caller.source };
    let target = Target::Passkey(shown.get_credential_id());
    let attempt = lockout::begin(service, target, &whereabouts).await?;

    let change = service.database.change().await?;
    let account = owner(&change, &shown).await?;
    let proven = match &account {
        Some(account) => prove(service, &change, account.id, (&shown, state)).await?,
        None => false,
    };
    let Some(account) = account.as_ref().filter(|_| proven) else {
        drop(change);
        let mailbox = account.as_ref().map(Account::address).transpose()?;
        attempt.fail(service, account.as_ref(), mailbox.as_ref()).await?;
        return Err(Error::PasskeyInvalid);
    };
    // Told only now: before, anybody could ask for it.
    if account.state != State::Active {
        let refusal = Error::UserNotActive(account.name());
        return Err(attempt.withdraw(service, change, refusal).await);
    }
    // The authenticator made sure that it is the person, so nothing is missing.
    let credentials = enter(service, change, account, whereabouts, attempt).await?;
    Ok(pb::FinishPasskeyAuthenticationResponse { credentials: Some(credentials) })
}

/// The account of the passkey, if it is the one that the authenticator says it opens. `change` holds it.
async fn owner(change: &Change, shown: &PublicKeyCredential) -> Result<Option<Account>, Error> {
    let Some(passkey) = find(&**change, shown.get_credential_id()).await? else { return Ok(None) };
    if shown.get_user_unique_id() != Some(passkey.account_id.as_bytes()) {
        return Ok(None);
    }
    match account::hold(change, UserName(passkey.account_id)).await {
        Ok(account) => Ok(Some(account)),
        Err(Error::UserNotFound { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}
