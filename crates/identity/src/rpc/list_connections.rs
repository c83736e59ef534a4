use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::identity as pb;
use usher_api::name::CommunityName;
use usher_runtime::fields::required;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::Identity;
use crate::entity::connection::{Column, Entity, Model};
use crate::error::Error;

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 100;

pub(crate) async fn list_connections(
    service: &Identity,
    caller: &Caller,
    request: pb::ListConnectionsRequest,
) -> Result<pb::ListConnectionsResponse, Error> {
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse::<CommunityName>());
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let parent = required(parent, &mut violations)?;
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListConnections", &parent);
    let after: Option<Uuid> = pages.open(&request.page_token)?;
    // Ids tell the order in which they were made.
    let mut rows =
        Entity::find().filter(Column::CommunityId.eq(parent.0)).order_by_asc(Column::Id).limit(size + 1);
    if let Some(after) = after {
        rows = rows.filter(Column::Id.gt(after));
    }
    let mut rows = rows.all(&*service.database).await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.id)?;
    let connections = rows.iter().map(Model::to_proto).collect();
    Ok(pb::ListConnectionsResponse { connections, next_page_token })
}
