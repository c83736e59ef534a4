use secrecy::ExposeSecret as _;
use usher_api::identity as pb;
use usher_api::name::ConnectionName;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Violations};

use crate::Identity;
use crate::error::Error;
use crate::single_sign_on::{Provider, available, begin};

pub(crate) async fn start_single_sign_on(
    service: &Identity,
    caller: &Caller,
    request: pb::StartSingleSignOnRequest,
) -> Result<pb::StartSingleSignOnResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("connection", request.connection.parse::<ConnectionName>());
    let name = required(name, &mut violations)?;
    let connection = available(&*service.database, name).await?;
    // Counted before the provider is called, however many start at once.
    let begun = begin(service, caller, &connection).await?;
    let provider = Provider::discover(service, &connection).await?;
    Ok(pb::StartSingleSignOnResponse {
        authorization_uri: provider.authorization_uri(&begun.state, &begun.secrets),
        state: begun.state.expose_secret().to_owned(),
        expire_time: Some(begun.expire_time.into()),
    })
}
