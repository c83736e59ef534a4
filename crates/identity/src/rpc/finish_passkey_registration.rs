use sea_orm::sea_query::Expr;
use usher_api::identity as pb;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Change, Violations};
use webauthn_rs::prelude::{Passkey, PasskeyRegistration, RegisterPublicKeyCredential};

use crate::entity::account::{Column, Model as Account};
use crate::entity::account_mail::Kind;
use crate::entity::passkey::Model;
use crate::error::Error;
use crate::lockout::Target;
use crate::passkey::registered::{MOST, add, find, relying_party};
use crate::passkey::{Problem, ceremony, read_new};
use crate::second_factor::Factors;
use crate::second_factor::enrollment::{Enrolling, backup_codes, enable};
use crate::{Identity, account, account_mail, lockout, session};

pub(crate) async fn finish_passkey_registration(
    service: &Identity,
    caller: &Caller,
    request: pb::FinishPasskeyRegistrationRequest,
) -> Result<pb::FinishPasskeyRegistrationResponse, Error> {
    let enrolling = Enrolling::read(service, caller, &request.name, &request.challenge_token).await?;
    let user = enrolling.user;
    let mut violations = Violations::default();
    let answer = read_new(&request.credential, &mut violations);
    let display_name = violations.text("display_name", &request.display_name, 1..=100);
    let answer = required(answer, &mut violations)?;
    violations.finish()?;
    let passkey = judge(service, &enrolling, &request.registration_token, &answer).await?;
    let whereabouts = enrolling.whereabouts(caller);
    let attempt = lockout::begin(service, Target::SecondFactor(user), &whereabouts).await?;

    let change = service.database.change().await?;
    let added = hold_and_add(service, caller, (&change, &enrolling), (&passkey, display_name)).await;
    let (account, before, row) = match added {
        Ok(added) => added,
        Err(refusal) => return Err(attempt.withdraw(service, change, refusal).await),
    };
    tell(service, &change, &account, &before).await?;
    if before.enrolled().is_empty() {
        session::end_all(service, &change, account.id, enrolling.session(caller)).await?;
    }
    let backup_codes = backup_codes(service, &change, &account, &before).await?;
    let credentials = enrolling.finish(service, change, &account, (whereabouts, attempt)).await?;
    tracing::info!(%user, passkey = %row.name(), "account {} has passkey {}", account.id, row.id);
    Ok(pb::FinishPasskeyRegistrationResponse { passkey: Some(row.to_proto()), backup_codes, credentials })
}

/// The passkey that `answer` makes, whose registration began with the token `token`.
async fn judge(
    service: &Identity,
    enrolling: &Enrolling,
    token: &str,
    answer: &RegisterPublicKeyCredential,
) -> Result<Passkey, Error> {
    let relying_party = relying_party(service)?;
    let state: Option<PasskeyRegistration> = ceremony::take(service, Some(enrolling.user.0), token).await?;
    let state = state.ok_or(Error::EnrollmentInvalid)?;
    let known: Option<Model> = find(&*service.database, &answer.raw_id).await?;
    if known.is_some() {
        return Err(Error::PasskeyRejected(Problem::AlreadyRegistered));
    }
    relying_party.accept_new(answer, &state).map_err(Error::PasskeyRejected)
}

/// Holds the account of whoever enrols and gives it the passkey, within `change`. Tells what he had before, too.
async fn hold_and_add(
    service: &Identity,
    caller: &Caller,
    (change, enrolling): (&Change, &Enrolling),
    passkey: (&Passkey, String),
) -> Result<(Account, Factors, Model), Error> {
    let (account, before) = enrolling.hold(service, caller, change).await?;
    if before.passkeys.len() >= MOST {
        return Err(Error::PasskeyLimitReached(enrolling.user));
    }
    let row = add(service, change, account.id, passkey).await?;
    Ok((account, before, row))
}

/// Writes within `change` that there is another passkey; and, if there was no second factor `before`, that one is asked for from now on.
async fn tell(service: &Identity, change: &Change, account: &Account, before: &Factors) -> Result<(), Error> {
    let columns = vec![(Column::HasPasskey, Expr::value(true))];
    let row = account::write(service, change, account.id, columns, "user.passkey_added").await?;
    account_mail::notify(service, change, Kind::PasskeyAdded, &row).await?;
    if before.enrolled().is_empty() {
        enable(service, change, account).await?;
    }
    Ok(())
}
