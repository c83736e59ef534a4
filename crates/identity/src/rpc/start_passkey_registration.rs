use usher_api::identity as pb;
use usher_runtime::Caller;

use crate::Identity;
use crate::error::Error;
use crate::passkey::ceremony;
use crate::passkey::registered::{MOST, of_account, relying_party};
use crate::second_factor::enrollment::Enrolling;

pub(crate) async fn start_passkey_registration(
    service: &Identity,
    caller: &Caller,
    request: pb::StartPasskeyRegistrationRequest,
) -> Result<pb::StartPasskeyRegistrationResponse, Error> {
    let enrolling = Enrolling::read(service, caller, &request.name, &request.challenge_token).await?;
    let relying_party = relying_party(service)?;
    let account = enrolling.account(service, caller, &request.current_password).await?;
    let known = of_account(&*service.database, account.id).await?;
    if known.len() >= MOST {
        return Err(Error::PasskeyLimitReached(account.name()));
    }
    let question = relying_party.ask_for_new(&account, &known)?;
    let begun = ceremony::begin(service, Some(account.id), caller.source, &question.state).await?;
    Ok(pb::StartPasskeyRegistrationResponse {
        registration_token: begun.token.expose().to_owned(),
        creation_options: question.options,
        expire_time: Some(begun.expire_time.into()),
    })
}
