use usher_api::community as pb;
use usher_api::name::ApiKeyName;
use usher_runtime::{Caller, Violations};

use crate::api_key::{self, describe, note_uses};
use crate::catalogue::API_KEYS_LIST;
use crate::error::Error;
use crate::{Community, parse};

pub(crate) async fn get_api_key(
    service: &Community,
    caller: &Caller,
    request: pb::GetApiKeyRequest,
) -> Result<pb::GetApiKeyResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ApiKeyName>());
    let name = parse::required(name, &mut violations)?;
    api_key::require(service, caller, API_KEYS_LIST, name.owner).await?;
    let row = api_key::find(&*service.database, name).await?;
    let mut keys = describe(service, &*service.database, &[row]).await?;
    note_uses(service, &mut keys).await?;
    Ok(pb::GetApiKeyResponse { api_key: keys.pop() })
}
