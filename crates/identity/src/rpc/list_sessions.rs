use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::identity as pb;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::Identity;
use crate::access::{named_user, require_own};
use crate::entity::session::{Column, Entity};
use crate::error::Error;
use crate::session;

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 100;

pub(crate) async fn list_sessions(
    service: &Identity,
    caller: &Caller,
    request: pb::ListSessionsRequest,
) -> Result<pb::ListSessionsResponse, Error> {
    let user = named_user(caller, "parent", &request.parent)?;
    require_own(caller, user, "sessions.list")?;
    let mut violations = Violations::default();
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListSessions", &user);
    let before: Option<Uuid> = pages.open(&request.page_token)?;
    // Ids tell the order in which the sessions began.
    let mut rows = Entity::find()
        .filter(Column::AccountId.eq(user.0))
        .filter(session::live(service))
        .order_by_desc(Column::Id)
        .limit(size + 1);
    if let Some(before) = before {
        rows = rows.filter(Column::Id.lt(before));
    }
    let mut rows = rows.all(&*service.database).await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.id)?;
    let current = caller.person.as_ref().map(|person| person.session);
    let sessions = rows.iter().map(|row| row.to_proto(current)).collect();
    Ok(pb::ListSessionsResponse { sessions, next_page_token })
}
