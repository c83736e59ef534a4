use usher_api::identity as pb;
use usher_api::identity::complete_authentication_request::Proof as Given;
use usher_api::name::UserName;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Change, Failure, Timestamp, Violations};
use webauthn_rs::prelude::PublicKeyCredential;

use crate::account::hold_active;
use crate::admission::enter;
use crate::entity::account::Model as Account;
use crate::entity::challenge::Model as Challenge;
use crate::error::Error;
use crate::lockout::{Attempt, Target};
use crate::passkey::{read_shown, registered};
use crate::second_factor::{Demand, challenge, code, totp};
use crate::session::Whereabouts;
use crate::{Identity, lockout};

/// Longer than any code, however it is written.
const MOST_CHARACTERS: usize = 64;

/// What somebody shows.
enum Proof {
    Totp(String),
    BackupCode(String),
    RecoveryCode(String),
    Passkey(Box<PublicKeyCredential>),
}

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
    let account = match hold(&change, &challenge).await {
        Ok(account) => account,
        Err(refusal) => return Err(attempt.withdraw(service, change, refusal).await),
    };
    if !is_right(service, &change, &challenge, (&proof, attempt.time())).await? {
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

/// Holds the account of whom `challenge` asked something, and uses the challenge up.
async fn hold(change: &Change, challenge: &Challenge) -> Result<Account, Error> {
    let account = hold_active(change, UserName(challenge.account_id)).await?;
    challenge::use_up(change, challenge).await?;
    Ok(account)
}

fn parse(given: Option<Given>) -> Result<Proof, Failure> {
    let mut violations = Violations::default();
    violations.require(given.is_some(), "proof", "must be set");
    let proof = given.and_then(|given| match given {
        Given::TotpCode(text) => read_code("totp_code", text, &mut violations).map(Proof::Totp),
        Given::BackupCode(text) => read_code("backup_code", text, &mut violations).map(Proof::BackupCode),
        Given::RecoveryCode(text) => {
            read_code("recovery_code", text, &mut violations).map(Proof::RecoveryCode)
        }
        Given::PasskeyCredential(text) => {
            read_shown("passkey_credential", &text, &mut violations).map(Box::new).map(Proof::Passkey)
        }
    });
    required(proof, &mut violations)
}

fn read_code(field: &str, text: String, violations: &mut Violations) -> Option<String> {
    violations.length(field, &text, 1..=MOST_CHARACTERS);
    (1..=MOST_CHARACTERS).contains(&text.chars().count()).then_some(text)
}

/// Whether it is what the person has of whom `challenge` asked it. What serves once is used up within `change`.
async fn is_right(
    service: &Identity,
    change: &Change,
    challenge: &Challenge,
    (proof, now): (&Proof, Timestamp),
) -> Result<bool, Error> {
    let account = challenge.account_id;
    Ok(match proof {
        Proof::Totp(text) => totp::spend(service, change, account, (text, now)).await?,
        Proof::BackupCode(text) => code::spend_backup(change, account, text).await?,
        Proof::RecoveryCode(text) => code::is_recovery(change, account, text).await?,
        Proof::Passkey(shown) => match challenge::passkey_state(service, challenge)? {
            Some(state) => registered::prove(service, change, account, (shown, state)).await?,
            None => false,
        },
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
