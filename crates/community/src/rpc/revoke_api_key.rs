use usher_api::community as pb;
use usher_api::identity;
use usher_api::name::ApiKeyName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::api_key::{self, HeldKey, describe, note_uses};
use crate::catalogue::API_KEYS_REVOKE;
use crate::connection::answered;
use crate::error::{Error, ProgramError};
use crate::{Community, event, parse};

pub(crate) async fn revoke_api_key(
    service: &Community,
    caller: &Caller,
    request: pb::RevokeApiKeyRequest,
) -> Result<pb::RevokeApiKeyResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ApiKeyName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    api_key::require(service, caller, API_KEYS_REVOKE, name.owner).await?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "RevokeApiKey", request_id, &request);
    let answer = match once.earlier_answer(&*service.database).await? {
        Some(answer) => Ok(answer),
        None => write(service, &once, &request, name).await,
    };
    if let Ok(_) | Err(Error::Program(ProgramError::ApiKeyNotActive { .. })) = &answer {
        // Authority has ended; now nobody is to believe the key any more. Again for each repetition: the first may have failed here.
        let revocation = identity::RevokeApiKeyRequest { name: name.to_string() };
        answered(service.identity.clone().revoke_api_key(revocation).await)?;
    }
    let answer = answer?;
    let mut keys: Vec<pb::ApiKey> = answer.api_key.into_iter().collect();
    note_uses(service, &mut keys).await?;
    Ok(pb::RevokeApiKeyResponse { api_key: keys.pop(), ..answer })
}

async fn write(
    service: &Community,
    once: &Once,
    request: &pb::RevokeApiKeyRequest,
    name: ApiKeyName,
) -> Result<pb::RevokeApiKeyResponse, Error> {
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut held = HeldKey::take(&change, name, &request.etag).await?;
    if held.row.revoke_time.is_some() {
        return Err(ProgramError::ApiKeyNotActive { api_key: name, state: "REVOKED" }.into());
    }
    held.row.revoke_time = Some(service.clock.now());
    held.write(service, &change).await?;
    event::of_api_key(service, &change, held.root(), &held.row, "apiKey.revoked").await?;
    let api_key = describe(service, &*change, std::slice::from_ref(&held.row)).await?.pop();
    let answer = pb::RevokeApiKeyResponse { api_key, consistency_token: held.consistency_token(service)? };
    once.commit(change, &answer).await?;
    tracing::info!(api_key = %name, "api key {} revoked", name.id);
    Ok(answer)
}
