use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use usher_api::community::{self as pb, ApiKeyState};
use usher_api::name::{ApiKeyOwner, UserName};
use usher_runtime::keyset::contains;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::api_key::{self, describe, in_state, note_uses, of_owner};
use crate::catalogue::API_KEYS_LIST;
use crate::entity::api_key::{Column, Entity};
use crate::entity::{community, service_account};
use crate::error::{Error, ProgramError};
use crate::{Community, parse};

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;

pub(crate) async fn list_api_keys(
    service: &Community,
    caller: &Caller,
    request: pb::ListApiKeysRequest,
) -> Result<pb::ListApiKeysResponse, Error> {
    let mut violations = Violations::default();
    let owner = violations.check("parent", request.parent.parse::<ApiKeyOwner>());
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let states = parse_states(&request.states, &mut violations);
    let search = parse::search(&request.search, &mut violations);
    let creator = Some(&request.creator).filter(|text| !text.is_empty());
    let creator = creator.and_then(|text| violations.check("creator", text.parse::<UserName>()));
    let owner = parse::required(owner, &mut violations)?;
    api_key::require(service, caller, API_KEYS_LIST, owner).await?;
    violations.finish()?;
    require_owner(service, owner).await?;

    let connection = &*service.database;
    let filter = (owner, &states, &search, creator);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListApiKeys", &filter);
    // Ids tell the order in which they were made.
    let before: Option<Uuid> = pages.open(&request.page_token)?;
    let in_states = states.iter().fold(Condition::any(), |any, state| any.add(in_state(connection, *state)));
    let in_states = Some(in_states).filter(|_| !states.is_empty());
    let search = search.as_deref().map(|text| contains(Expr::col((Entity, Column::SearchKey)), text));
    let mut rows = Entity::find()
        .filter(of_owner(owner))
        .filter(Condition::all().add_option(in_states))
        .filter(Condition::all().add_option(search))
        .filter(Condition::all().add_option(creator.map(|user| Column::CreatorId.eq(user.0))))
        .filter(Condition::all().add_option(before.map(|id| Column::Id.lt(id))))
        .order_by_desc(Column::Id)
        .limit(size + 1)
        .all(connection)
        .await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.id)?;
    let mut api_keys = describe(service, connection, &rows).await?;
    note_uses(service, &mut api_keys).await?;
    Ok(pb::ListApiKeysResponse { api_keys, next_page_token })
}

fn parse_states(asked: &[i32], violations: &mut Violations) -> Vec<ApiKeyState> {
    let mut states = Vec::new();
    for (place, state) in asked.iter().enumerate() {
        let known = ApiKeyState::try_from(*state).ok().filter(|state| *state != ApiKeyState::Unspecified);
        violations.require(known.is_some(), format!("states[{place}]"), "must be ACTIVE, REVOKED or EXPIRED");
        states.extend(known);
    }
    states
}

async fn require_owner(service: &Community, owner: ApiKeyOwner) -> Result<(), Error> {
    let connection = &*service.database;
    match owner {
        ApiKeyOwner::Community(name) => {
            let row = community::Entity::find_by_id(name.0).one(connection).await?;
            row.map(|_| ()).ok_or(Error::CommunityNotFound(name))
        }
        ApiKeyOwner::ServiceAccount(name) => {
            let row = service_account::Entity::find_by_id(name.0).one(connection).await?;
            row.map(|_| ()).ok_or_else(|| ProgramError::ServiceAccountNotFound(name).into())
        }
    }
}
