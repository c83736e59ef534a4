use std::collections::BTreeSet;

use sea_orm::sea_query::Order;
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _};
use usher_api::community as pb;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::catalogue::MEMBERS_LIST;
use crate::consistency::ConsistencyToken;
use crate::entity::community::{Entity, State};
use crate::entity::member_role;
use crate::error::Error;
use crate::reach::{RolesHolding, holders_in};
use crate::{Community, authority, parse};

const DEFAULT_PAGE: u64 = 200;
const LARGEST_PAGE: u64 = 1_000;

pub(crate) async fn list_members_with_access(
    service: &Community,
    caller: &Caller,
    request: pb::ListMembersWithAccessRequest,
) -> Result<pb::ListMembersWithAccessResponse, Error> {
    let mut violations = Violations::default();
    let place = violations.check("community", request.community.parse::<CommunityName>());
    parse::permission("permission", &request.permission, &mut violations);
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let place = parse::required(place, &mut violations)?;
    authority::require(service, caller, MEMBERS_LIST, place).await?;
    violations.finish()?;
    ConsistencyToken::await_write(service, &request.consistency_token).await?;

    let holding = RolesHolding::load(&*service.database, &request.permission).await?;
    let filter = (place, &request.permission);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListMembersWithAccess", &filter);
    let after: Option<Uuid> = pages.open(&request.page_token)?;
    let mut users: Vec<Uuid> = page(service, place, &holding, after, size + 1).await?;
    let next_page_token = pages.cut(&mut users, size, |id| *id)?;
    let users = users.into_iter().map(|id| UserName(id).to_string()).collect();
    Ok(pb::ListMembersWithAccessResponse { users, next_page_token })
}

/// The first `limit` people after `after` who have one of the roles, given there or above. Nobody in a community that is not
/// active, or that does not exist.
async fn page(
    service: &Community,
    place: CommunityName,
    holding: &RolesHolding,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, Error> {
    let connection = &*service.database;
    let Some(community) = Entity::find_by_id(place.0).one(connection).await? else { return Ok(Vec::new()) };
    let root = match community.parent_id {
        Some(parent) => Entity::find_by_id(parent).one(connection).await?,
        None => Some(community.clone()),
    };
    if community.state != State::Active || root.is_none_or(|root| root.state != State::Active) {
        return Ok(Vec::new());
    }
    let mut queries = vec![holders_in(place, false, holding)];
    queries.extend(community.parent().map(|parent| holders_in(parent, true, holding)));
    let mut users = BTreeSet::new();
    for mut query in queries {
        query.order_by((member_role::Entity, member_role::Column::UserId), Order::Asc).limit(limit);
        if let Some(after) = after {
            query.and_where(member_role::Column::UserId.gt(after));
        }
        for row in connection.query_all(&query).await? {
            users.insert(row.try_get::<Uuid>("", "user_id")?);
        }
    }
    Ok(users.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
}
