use usher_api::identity as pb;
use usher_runtime::{Caller, Violations};

use crate::error::Error;
use crate::lockout::Target;
use crate::second_factor::enrollment::{Enrolling, backup_codes, enable};
use crate::second_factor::totp;
use crate::{Identity, lockout, session};

pub(crate) async fn confirm_totp_enrollment(
    service: &Identity,
    caller: &Caller,
    request: pb::ConfirmTotpEnrollmentRequest,
) -> Result<pb::ConfirmTotpEnrollmentResponse, Error> {
    let enrolling = Enrolling::read(service, caller, &request.name, &request.challenge_token).await?;
    let user = enrolling.user;
    let mut violations = Violations::default();
    violations.length("totp_code", &request.totp_code, 1..=64);
    violations.finish()?;
    let whereabouts = enrolling.whereabouts(caller);
    let attempt = lockout::begin(service, Target::SecondFactor(user), &whereabouts).await?;

    let change = service.database.change().await?;
    let (account, before) = match enrolling.hold(service, caller, &change).await {
        Ok(held) => held,
        Err(refusal) => return Err(attempt.withdraw(service, change, refusal).await),
    };
    if !totp::confirm(service, &change, account.id, (&request.totp_code, attempt.time())).await? {
        drop(change);
        attempt.fail(service, None, None).await?;
        return Err(Error::SecondFactorInvalid);
    }
    session::end_all(service, &change, account.id, enrolling.session(caller)).await?;
    enable(service, &change, &account).await?;
    let backup_codes = backup_codes(service, &change, &account, &before).await?;
    let credentials = enrolling.finish(service, change, &account, (whereabouts, attempt)).await?;
    tracing::info!(%user, "account {} has a second factor", account.id);
    Ok(pb::ConfirmTotpEnrollmentResponse { backup_codes, credentials })
}
