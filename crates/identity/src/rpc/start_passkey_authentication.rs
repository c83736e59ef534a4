use usher_api::identity as pb;
use usher_runtime::Caller;

use crate::Identity;
use crate::error::Error;
use crate::passkey::ceremony::{begin, require_quiet_source};
use crate::passkey::registered::relying_party;

pub(crate) async fn start_passkey_authentication(
    service: &Identity,
    caller: &Caller,
) -> Result<pb::StartPasskeyAuthenticationResponse, Error> {
    let relying_party = relying_party(service)?;
    require_quiet_source(service, caller.source).await?;
    let question = relying_party.ask_to_show(&[])?;
    let begun = begin(service, None, caller.source, &question.state).await?;
    Ok(pb::StartPasskeyAuthenticationResponse {
        authentication_token: begun.token.expose().to_owned(),
        request_options: question.options,
        expire_time: Some(begun.expire_time.into()),
    })
}
