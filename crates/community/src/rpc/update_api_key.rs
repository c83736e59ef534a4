use std::collections::BTreeSet;

use usher_api::community::{self as pb, ApiKeyState};
use usher_api::name::{ApiKeyName, ApiKeyOwner};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::access::Reach;
use crate::api_key::{self, FIELDS, HeldKey, describe, note_uses};
use crate::authority::{Holdings, denied};
use crate::catalogue::{API_KEYS_CREATE, Catalogue};
use crate::error::{Error, ProgramError};
use crate::programs::{self, Gift};
use crate::{Community, event, parse};

pub(crate) async fn update_api_key(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateApiKeyRequest,
) -> Result<pb::UpdateApiKeyResponse, Error> {
    let asked = request.api_key.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("api_key.name", asked.name.parse::<ApiKeyName>());
    let mask = request.update_mask.as_ref();
    let mask = parse::update_mask(mask, &FIELDS, |field| api_key::is_filled(&asked, field), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    api_key::require_for_change(service, caller, API_KEYS_CREATE, name.owner).await?;
    // Into a copy: what is wrong must be told before anything is held.
    let mut draft = api_key::find(&*service.database, name).await?;
    api_key::apply(&mut draft, &asked, Some(name.owner), &mask, &mut violations);
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateApiKey", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut held = HeldKey::take(&change, name, &asked.etag).await?;
    require_power(&change, caller, &held).await?;
    require_active(service, &held, name)?;
    api_key::apply(&mut held.row, &asked, Some(name.owner), &mask, &mut Violations::default());
    if let (true, ApiKeyOwner::Community(_)) = (mask.contains("permissions"), name.owner) {
        shrink(&change, &held, name, &asked.permissions).await?;
    }
    held.write(service, &change).await?;
    event::of_api_key(service, &change, held.root(), &held.row, "apiKey.updated").await?;
    let api_key = describe(service, &*change, std::slice::from_ref(&held.row)).await?.pop();
    let answer = pb::UpdateApiKeyResponse { api_key, consistency_token: held.consistency_token(service)? };
    once.commit(change, &answer).await?;
    tracing::info!(api_key = %name, "api key {} updated", name.id);
    let mut keys: Vec<pb::ApiKey> = answer.api_key.into_iter().collect();
    note_uses(service, &mut keys).await?;
    Ok(pb::UpdateApiKeyResponse { api_key: keys.pop(), ..answer })
}

/// Judges again what may have changed before the tree was held.
async fn require_power(change: &Change, caller: &Caller, held: &HeldKey) -> Result<(), Error> {
    let Some(community) = &held.community else { return Ok(()) };
    community.require_active()?;
    let (actor, place) = (caller.actor()?, community.row.name());
    let holdings = Holdings::load(&**change, [(actor, place)]).await?;
    let catalogue = Catalogue::load(&**change, holdings.custom_roles()).await?;
    let permissions = holdings.of(actor, place).into_owned();
    if permissions.permissions(&catalogue, Reach::Here).contains(API_KEYS_CREATE) {
        return Ok(());
    }
    Err(denied(API_KEYS_CREATE, place).into())
}

fn require_active(service: &Community, held: &HeldKey, name: ApiKeyName) -> Result<(), Error> {
    match held.row.state(service.clock.now()) {
        ApiKeyState::Revoked => Err(ProgramError::ApiKeyNotActive { api_key: name, state: "REVOKED" }.into()),
        ApiKeyState::Expired => Err(ProgramError::ApiKeyNotActive { api_key: name, state: "EXPIRED" }.into()),
        ApiKeyState::Active | ApiKeyState::Unspecified => Ok(()),
    }
}

/// Leaves the key those of its permissions that the request names.
async fn shrink(change: &Change, held: &HeldKey, name: ApiKeyName, asked: &[String]) -> Result<(), Error> {
    let Some(community) = &held.community else { return Ok(()) };
    let wanted = Catalogue::load(&**change, []).await?.known(asked)?;
    let given = programs::given_to(&**change, [held.row.id]).await?;
    let has: BTreeSet<String> = given.into_iter().map(|given| given.permission).collect();
    let gained: Vec<String> = wanted.difference(&has).cloned().collect();
    if !gained.is_empty() {
        return Err(ProgramError::ApiKeyGainsPermission { api_key: name, permissions: gained }.into());
    }
    let gift = Gift { permissions: wanted, inherits: held.row.inherits };
    Ok(programs::give(change, held.row.id, community.row.name(), &gift).await?)
}
