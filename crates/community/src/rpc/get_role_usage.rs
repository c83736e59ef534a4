use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Func, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
};
use usher_api::community as pb;
use usher_api::name::{CommunityName, RoleName};
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use super::get_role;
use crate::catalogue::ROLES_LIST;
use crate::entity::{community, member_role, offered_role};
use crate::error::Error;
use crate::role::RoleId;
use crate::{Community, authority, parse};

const DEFAULT_PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1_000;

pub(crate) async fn get_role_usage(
    service: &Community,
    caller: &Caller,
    request: pb::GetRoleUsageRequest,
) -> Result<pb::GetRoleUsageResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<RoleName>());
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let name = parse::required(name, &mut violations)?;
    authority::require(service, caller, ROLES_LIST, name.community).await?;
    violations.finish()?;
    let role = get_role::find(service, &name).await?.and_then(|_| name.id.parse().ok());
    let role: RoleId = role.ok_or_else(|| Error::RoleNotFound(name.clone()))?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "GetRoleUsage", &name);
    let after: Option<Uuid> = pages.open(&request.page_token)?;
    let mut usages = usages(service, name.community, role, after, size + 1).await?;
    let next_page_token = pages.cut(&mut usages, size, |(community, _)| *community)?;
    Ok(pb::GetRoleUsageResponse {
        usages: usages
            .into_iter()
            .map(|(id, member_count)| pb::RoleUsage {
                community: CommunityName(id).to_string(),
                member_count,
            })
            .collect(),
        next_page_token,
        total_member_count: total(service, name.community, role).await?,
        invitation_count: invitations(service, role).await?,
    })
}

/// The name of the counted column.
const HOLDERS: &str = "holders";

/// Where the role is given in `community` and inside, and to how many.
async fn usages(
    service: &Community,
    community: CommunityName,
    role: RoleId,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<(Uuid, i64)>, Error> {
    let place = (member_role::Entity, member_role::Column::CommunityId);
    let mut select = given(community, role);
    select
        .column(place)
        .expr_as(Func::count_distinct(Expr::col(member_role::Column::UserId)), Alias::new(HOLDERS))
        .group_by_col(place)
        .order_by(place, Order::Asc)
        .limit(limit);
    if let Some(after) = after {
        select.and_where(member_role::Column::CommunityId.gt(after));
    }
    let mut usages = Vec::new();
    for row in service.database.query_all(&select).await? {
        usages.push((row.try_get("", "community_id")?, row.try_get("", HOLDERS)?));
    }
    Ok(usages)
}

async fn total(service: &Community, community: CommunityName, role: RoleId) -> Result<i64, Error> {
    let each = given(community, role)
        .distinct()
        .columns([member_role::Column::CommunityId, member_role::Column::UserId])
        .to_owned();
    let count = Query::select()
        .expr_as(Func::count(Expr::val(1)), Alias::new(HOLDERS))
        .from_subquery(each, Alias::new("given"))
        .to_owned();
    let row = service.database.query_one(&count).await?;
    Ok(row.map(|row| row.try_get("", HOLDERS)).transpose()?.unwrap_or(0))
}

/// The role, wherever it was given in `community` or inside. Selects nothing yet.
fn given(community: CommunityName, role: RoleId) -> SelectStatement {
    let tree = Query::select()
        .column(community::Column::Id)
        .from(community::Entity)
        .and_where(community::Column::Id.eq(community.0).or(community::Column::ParentId.eq(community.0)))
        .to_owned();
    Query::select()
        .from(member_role::Entity)
        .and_where(member_role::Column::RoleId.eq(role))
        .and_where(member_role::Column::CommunityId.in_subquery(tree))
        .to_owned()
}

async fn invitations(service: &Community, role: RoleId) -> Result<i64, Error> {
    let Some(custom) = role.custom() else { return Ok(0) };
    let offers = offered_role::Entity::find().filter(offered_role::Column::RoleId.eq(custom));
    Ok(i64::try_from(offers.count(&*service.database).await?).unwrap_or(i64::MAX))
}
