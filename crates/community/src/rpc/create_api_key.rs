use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::{ActiveModelTrait as _, EntityTrait as _, QuerySelect as _};
use usher_api::community::{self as pb, Inheritance};
use usher_api::identity;
use usher_api::name::{ApiKeyOwner, CommunityName, UserName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};

use crate::api_key::{self, FIELDS};
use crate::catalogue::API_KEYS_CREATE;
use crate::connection::answered;
use crate::consistency::ConsistencyToken;
use crate::entity::api_key::{ActiveModel, Entity, Model};
use crate::entity::service_account;
use crate::error::{Error, ProgramError};
use crate::programs::{self, Asked};
use crate::tree::HeldCommunity;
use crate::{Community, event, parse};

const TTL: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(365 * 24);

pub(crate) async fn create_api_key(
    service: &Community,
    caller: &Caller,
    request: pb::CreateApiKeyRequest,
) -> Result<pb::CreateApiKeyResponse, Error> {
    let creator = caller.person()?.user;
    let asked = request.api_key.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let owner = violations.check("parent", request.parent.parse::<ApiKeyOwner>());
    let mut row = blank(service, creator, owner);
    api_key::apply(&mut row, &asked, owner, &BTreeSet::from(FIELDS), &mut violations);
    let known = Inheritance::try_from(asked.inheritance).is_ok();
    violations.require(known, "api_key.inheritance", "must be a known value");
    let ttl = parse_ttl(request.ttl.as_ref(), &mut violations);
    row.expire_time = ttl.map(|ttl| row.create_time.after(ttl));
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let owner = parse::required(owner, &mut violations)?;
    api_key::require_for_change(service, caller, API_KEYS_CREATE, owner).await?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateApiKey", request_id, &request);
    let answer = match once.earlier_answer(&*service.database).await? {
        Some(answer) => answer,
        None => write(service, &once, owner, row, &asked).await?,
    };
    let secret = hand_out(service, answer.api_key.as_ref()).await?;
    Ok(pb::CreateApiKeyResponse { secret, ..answer })
}

fn blank(service: &Community, creator: UserName, owner: Option<ApiKeyOwner>) -> Model {
    let now = service.clock.now();
    let (community_id, service_account_id) = match owner {
        Some(ApiKeyOwner::Community(community)) => (Some(community.0), None),
        Some(ApiKeyOwner::ServiceAccount(account)) => (None, Some(account.0)),
        None => (None, None),
    };
    Model {
        id: service.random.uuid(now),
        community_id,
        service_account_id,
        display_name: String::new(),
        description: String::new(),
        search_key: String::new(),
        inherits: false,
        creator_id: creator.0,
        expire_time: None,
        revoke_time: None,
        version: 1,
        create_time: now,
        update_time: now,
    }
}

fn parse_ttl(ttl: Option<&prost_types::Duration>, violations: &mut Violations) -> Option<Duration> {
    let ttl = Duration::try_from(*ttl?).ok().filter(|ttl| TTL.contains(ttl));
    violations.require(ttl.is_some(), "ttl", "must be 1 second to 365 days");
    ttl
}

/// Writes the key, without a secret, if its maker may give it what it is to hold.
async fn write(
    service: &Community,
    once: &Once,
    owner: ApiKeyOwner,
    mut row: Model,
    asked: &pb::ApiKey,
) -> Result<pb::CreateApiKeyResponse, Error> {
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let answer = match owner {
        ApiKeyOwner::Community(community) => {
            let community = HeldCommunity::take(&change, community).await?;
            community.require_active()?;
            let (permissions, inheritance) = (asked.permissions.as_slice(), asked.inheritance());
            let wanted = Asked { field: "api_key", permissions, inheritance };
            let creator = UserName(row.creator_id).into();
            let gift = wanted.judge(&change, &community, creator, API_KEYS_CREATE, None).await?;
            row.inherits = gift.inherits;
            insert(service, &change, (owner, Some(community.root.name())), &row).await?;
            programs::give(&change, row.id, community.row.name(), &gift).await?;
            let permissions = gift.permissions.into_iter().collect();
            pb::CreateApiKeyResponse {
                api_key: Some(row.to_proto(permissions, row.create_time)?),
                consistency_token: ConsistencyToken::seal(service, community.held)?,
                secret: String::new(),
            }
        }
        ApiKeyOwner::ServiceAccount(account) => {
            let held = service_account::Entity::find_by_id(account.0).lock_exclusive().one(&*change).await?;
            held.ok_or(ProgramError::ServiceAccountNotFound(account))?;
            insert(service, &change, (owner, None), &row).await?;
            let api_key = Some(row.to_proto(Vec::new(), row.create_time)?);
            pb::CreateApiKeyResponse { api_key, ..pb::CreateApiKeyResponse::default() }
        }
    };
    once.commit(change, &answer).await?;
    tracing::info!(api_key = %row.name()?, "api key {} created", row.id);
    Ok(answer)
}

/// Writes the key, of `owner` in the tree of `root` if it is a community's.
async fn insert(
    service: &Community,
    change: &Change,
    (owner, root): (ApiKeyOwner, Option<CommunityName>),
    row: &Model,
) -> Result<(), Error> {
    api_key::require_room(service, change, owner).await?;
    Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&**change).await?;
    event::of_api_key(service, change, root, row, "apiKey.created").await
}

/// Has the identity service make the secret, or tell it again. One that was revoked meanwhile gets none.
async fn hand_out(service: &Community, key: Option<&pb::ApiKey>) -> Result<String, Error> {
    let key = key.ok_or_else(|| Failure::internal("an answer without its API key"))?;
    let name = key.name.parse().map_err(Failure::internal)?;
    match api_key::find(&*service.database, name).await {
        Ok(row) if row.revoke_time.is_none() => {}
        Ok(_) | Err(Error::Program(ProgramError::ApiKeyNotFound(_))) => return Ok(String::new()),
        Err(error) => return Err(error),
    }
    let request = identity::CreateApiKeyRequest { name: key.name.clone(), expire_time: key.expire_time };
    Ok(answered(service.identity.clone().create_api_key(request).await)?.secret)
}
