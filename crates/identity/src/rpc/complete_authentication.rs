use usher_api::identity as pb;
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::name::UserName;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Change, Timestamp, Violations};

use crate::account::hold_active;
use crate::admission::enter;
use crate::entity::account::Model as Account;
use crate::entity::challenge::Model as Challenge;
use crate::error::Error;
use crate::lockout::{Attempt, Target};
use crate::second_factor::{Demand, challenge, code, totp};
use crate::session::Whereabouts;
use crate::{Identity, lockout};

/// Longer than any code, however it is written.
const MOST_CHARACTERS: usize = 64;

pub(crate) async fn complete_authentication(
    service: &Identity,
    caller: &Caller,
    request: pb::CompleteAuthenticationRequest,
) -> Result<pb::CompleteAuthenticationResponse, Error> {
    let proof = parse(request.proof)?;
    let challenge = challenge::find(service, &request.challenge_token, false).await?;
    let whereabouts = Whereabouts { device: challenge.device.clone(), source: caller.source };
    let user = UserName(challenge.account_id);
    let attempt = lockout::begin(service, Target::SecondFactor(user), &whereabouts).await?;

    let change = service.database.change().await?;
    let account = hold_active(&change, user).await?;
    challenge::use_up(&change, &challenge).await?;
    if !is_right(service, &change, &account, (&proof, attempt.time())).await? {
        drop(change);
        attempt.fail(service, Some(&account), Some(&account.address()?)).await?;
        return Err(Error::SecondFactorInvalid);
    }
    if let Proof::RecoveryCode(_) = proof {
        return recover(service, change, &account, challenge, attempt).await;
    }
    let credentials = enter(service, change, &account, whereabouts, attempt).await?;
    Ok(pb::CompleteAuthenticationResponse { credentials: Some(credentials), challenge: None })
}

fn parse(proof: Option<Proof>) -> Result<Proof, Error> {
    let mut violations = Violations::default();
    violations.require(proof.is_some(), "proof", "must be set");
    if let Some(proof) = &proof {
        let (field, text) = match proof {
            Proof::TotpCode(text) => ("totp_code", text),
            Proof::BackupCode(text) => ("backup_code", text),
            Proof::RecoveryCode(text) => ("recovery_code", text),
        };
        violations.length(field, text, 1..=MOST_CHARACTERS);
    }
    let proof = required(proof, &mut violations)?;
    violations.finish()?;
    Ok(proof)
}

/// Whether it is what the person has. What serves once is used up within `change`.
async fn is_right(
    service: &Identity,
    change: &Change,
    account: &Account,
    (proof, now): (&Proof, Timestamp),
) -> Result<bool, Error> {
    Ok(match proof {
        Proof::TotpCode(text) => totp::spend(service, change, account.id, (text, now)).await?,
        Proof::BackupCode(text) => code::spend_backup(change, account.id, text).await?,
        Proof::RecoveryCode(text) => code::is_recovery(change, account.id, text).await?,
    })
}

/// Lets the person enrol anew who has shown a recovery code, and nothing else: he had a second factor, so he is to have one again.
async fn recover(
    service: &Identity,
    change: Change,
    account: &Account,
    answered: Challenge,
    attempt: Attempt,
) -> Result<pb::CompleteAuthenticationResponse, Error> {
    attempt.challenge(&change, account).await?;
    let challenge =
        challenge::begin(service, &change, account.id, answered.device, &Demand::Enrollment).await?;
    change.commit().await?;
    Ok(pb::CompleteAuthenticationResponse { credentials: None, challenge: Some(challenge) })
}
