use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::{Caller, Change, Violations};

use crate::access::{named_user, require_self};
use crate::account::hold_active;
use crate::admission::enter;
use crate::entity::account::Model as Account;
use crate::entity::account_mail::Kind;
use crate::entity::challenge::Model as Challenge;
use crate::error::Error;
use crate::lockout::Target;
use crate::second_factor::{Factors, challenge, code, totp};
use crate::session::Whereabouts;
use crate::{Identity, account, account_mail, lockout, session};

pub(crate) async fn confirm_totp_enrollment(
    service: &Identity,
    caller: &Caller,
    request: pb::ConfirmTotpEnrollmentRequest,
) -> Result<pb::ConfirmTotpEnrollmentResponse, Error> {
    let (user, challenge) = who(service, caller, &request).await?;
    let mut violations = Violations::default();
    violations.length("totp_code", &request.totp_code, 1..=64);
    violations.finish()?;
    let device = challenge.as_ref().map(|challenge| challenge.device.clone()).unwrap_or_default();
    let whereabouts = Whereabouts { device, source: caller.source };
    let attempt = lockout::begin(service, Target::SecondFactor(user), &whereabouts).await?;

    let change = service.database.change().await?;
    let account = hold_active(&change, user).await?;
    if let Some(challenge) = &challenge {
        challenge::use_up(&change, challenge).await?;
    }
    let before = Factors::of(&*change, account.id).await?;
    if challenge.is_none() {
        if before.recovering {
            return Err(Error::SecondFactorRequired);
        }
        session::require_live(service, &*change, caller).await?;
    }
    if !totp::confirm(service, &change, account.id, (&request.totp_code, attempt.time())).await? {
        drop(change);
        attempt.fail(service, None, None).await?;
        return Err(Error::SecondFactorInvalid);
    }
    let current = caller.person.as_ref().filter(|_| challenge.is_none()).map(|person| person.session);
    session::end_all(service, &change, account.id, current).await?;
    let backup_codes = enable(service, &change, &account, &before).await?;
    let credentials = if challenge.is_some() {
        Some(enter(service, change, &account, whereabouts, attempt).await?)
    } else {
        attempt.succeed(&change, None).await?;
        change.commit().await?;
        None
    };
    tracing::info!(%user, "account {} has a second factor", account.id);
    Ok(pb::ConfirmTotpEnrollmentResponse { backup_codes, credentials })
}

/// Whose app it is, and the challenge if he enrols to sign in.
async fn who(
    service: &Identity,
    caller: &Caller,
    request: &pb::ConfirmTotpEnrollmentRequest,
) -> Result<(UserName, Option<Challenge>), Error> {
    if request.challenge_token.is_empty() {
        let name = named_user(caller, "name", &request.name)?;
        require_self(caller, name, "users.update")?;
        return Ok((name, None));
    }
    let challenge = challenge::find(service, &request.challenge_token, true).await?;
    Ok((UserName(challenge.account_id), Some(challenge)))
}

/// Writes within `change` what follows, and returns the backup codes of somebody who had none.
async fn enable(
    service: &Identity,
    change: &Change,
    account: &Account,
    before: &Factors,
) -> Result<Vec<String>, Error> {
    code::remove_recovery(change, account.id).await?;
    let row = account::write(service, change, account.id, Vec::new(), "user.two_factor_enabled").await?;
    account_mail::notify(service, change, Kind::TwoFactorEnabled, &row).await?;
    if before.backup_codes > 0 {
        return Ok(Vec::new());
    }
    Ok(code::renew_backups(&service.random, change, account.id).await?)
}
