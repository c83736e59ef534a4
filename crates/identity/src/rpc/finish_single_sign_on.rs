use sea_orm::entity::prelude::*;
use secrecy::SecretString;
use usher_api::identity as pb;
use usher_runtime::{Caller, Violations};

use crate::Identity;
use crate::admission::Admission;
use crate::entity::connection;
use crate::error::Error;
use crate::session::Whereabouts;
use crate::single_sign_on::{Provider, arrive, available, take};

pub(crate) async fn finish_single_sign_on(
    service: &Identity,
    caller: &Caller,
    request: pb::FinishSingleSignOnRequest,
) -> Result<pb::FinishSingleSignOnResponse, Error> {
    let mut violations = Violations::default();
    violations.length("state", &request.state, 1..=200);
    violations.length("code", &request.code, 1..=4_096);
    violations.length("issuer", &request.issuer, 0..=500);
    let device = violations.text("device", &request.device, 0..=200);
    violations.finish()?;
    let (state, code) = (SecretString::from(request.state), SecretString::from(request.code));

    let sign_on = take(service, caller, &state).await?;
    let row = connection::Entity::find_by_id(sign_on.connection).one(&*service.database).await?;
    let name = row.ok_or(Error::SignOnStateInvalid)?.name();
    let connection = available(&*service.database, name).await?;
    // RFC 9207: the code may come from another provider, which would learn it back from the wrong one.
    if !request.issuer.is_empty() && request.issuer != connection.issuer {
        return Err(Error::ProviderRefused(name));
    }
    let provider = Provider::discover(service, &connection).await?;
    let arrival = provider.identify(&code, sign_on.secrets).await?;
    let whereabouts = Whereabouts { device, source: caller.source };
    let (admission, created) = arrive(service, &connection, arrival, sign_on.account, whereabouts).await?;
    Ok(match admission {
        Admission::Session(credentials) => {
            pb::FinishSingleSignOnResponse { credentials: Some(credentials), challenge: None, created }
        }
        Admission::Challenge(challenge) => {
            pb::FinishSingleSignOnResponse { credentials: None, challenge: Some(challenge), created }
        }
    })
}
