use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _};
use usher_api::invitation as pb;
use usher_api::name::CommunityName;
use usher_runtime::fields::{order_by, required};
use usher_runtime::keyset::{Cursor, Direction, Key};
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Failure, Pages, Violations};

use crate::entity::grant;
use crate::entity::invitation::{Column, Entity, Model};
use crate::error::Error;
use crate::filter::Filter;
use crate::risks::{Found, Seeker};
use crate::{Invitation, access};

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;
/// The field that orders the list, and its column.
const ORDERS: [(&str, Column); 4] = [
    ("create_time", Column::CreateTime),
    ("update_time", Column::UpdateTime),
    ("expire_time", Column::ExpireTime),
    ("email", Column::EmailCanonical),
];

pub(crate) async fn list_invitations(
    service: &Invitation,
    caller: &Caller,
    request: pb::ListInvitationsRequest,
) -> Result<pb::ListInvitationsResponse, Error> {
    let mut violations = Violations::default();
    let root = violations.check("parent", request.parent.parse::<CommunityName>());
    let filter = Filter::parse(&request, &mut violations);
    let order = order(&request.order_by, &mut violations);
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let root = required(root, &mut violations)?;
    violations.finish()?;
    let Some(order) = order else { return Err(Failure::internal("not parsed").into()) };
    access::require(service, caller, access::LIST, filter.community.unwrap_or(root)).await?;

    let connection = &*service.database;
    let pages =
        Pages::new(&service.sealing, &service.random, caller, "ListInvitations", &(root, &filter, order));
    let after: Option<Cursor> = pages.open(&request.page_token)?;
    let wanted = Entity::find().filter(filter.condition(service, root));
    let total = wanted.clone().count(connection).await?;
    let beyond = |after: Option<&Cursor>| {
        let rest = Condition::all().add_option(after.map(|cursor| following(order, cursor)));
        let list = wanted.clone().filter(rest).order_by(order.0, order.1.order());
        list.order_by(Column::Id, order.1.order())
    };
    let seeker = Seeker { service, caller, permission: access::LIST, root };
    let Found { rows, last } = seeker.find(&filter, size, after, beyond, |row| cursor(order.0, row)).await?;
    let next_page_token = last.map_or_else(|| Ok(String::new()), |last| pages.seal(&last))?;
    let invitations = visible(service, caller, &rows).await?;
    let total_size = i32::try_from(total).unwrap_or(i32::MAX);
    Ok(pb::ListInvitationsResponse { invitations, next_page_token, total_size })
}

fn order(text: &str, violations: &mut Violations) -> Option<(Column, Direction)> {
    let text = if text.is_empty() { "create_time desc" } else { text };
    order_by(text, &ORDERS, violations)
}

fn following((column, direction): (Column, Direction), cursor: &Cursor) -> Condition {
    direction.following(&Expr::col((Entity, column)), &Expr::col((Entity, Column::Id)), cursor)
}

fn cursor(column: Column, row: &Model) -> Cursor {
    let key = match column {
        Column::EmailCanonical => Key::Text(row.email_canonical.clone()),
        Column::ExpireTime => Key::Time(row.expire_time.0),
        Column::UpdateTime => Key::Time(row.update_time.0),
        _ => Key::Time(row.create_time.0),
    };
    (key, row.id)
}

/// The resources, with those grants that the caller may see.
async fn visible(
    service: &Invitation,
    caller: &Caller,
    rows: &[Model],
) -> Result<Vec<pb::Invitation>, Error> {
    let mut grants = grant::of_invitations(&*service.database, rows.iter().map(|row| row.id)).await?;
    let communities = grants.values().flatten().map(|grant| CommunityName(grant.community_id));
    let seen = access::communities_with(service, caller, access::LIST, communities).await?;
    let now = service.clock.now();
    let resource = |row: &Model| {
        let mut grants: Vec<grant::Model> = grants.remove(&row.id).unwrap_or_default();
        grants.retain(|grant| seen.contains(&CommunityName(grant.community_id)));
        row.to_proto(&grants, now)
    };
    Ok(rows.iter().map(resource).collect())
}
