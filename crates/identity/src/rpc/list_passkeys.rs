use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::identity as pb;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::Identity;
use crate::access::{named_user, require_own};
use crate::entity::passkey::{Column, Entity, Model};
use crate::error::Error;

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 100;

pub(crate) async fn list_passkeys(
    service: &Identity,
    caller: &Caller,
    request: pb::ListPasskeysRequest,
) -> Result<pb::ListPasskeysResponse, Error> {
    let user = named_user(caller, "parent", &request.parent)?;
    require_own(caller, user, "passkeys.list")?;
    let mut violations = Violations::default();
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListPasskeys", &user);
    let before: Option<Uuid> = pages.open(&request.page_token)?;
    // Ids tell the order in which they were registered.
    let mut rows =
        Entity::find().filter(Column::AccountId.eq(user.0)).order_by_desc(Column::Id).limit(size + 1);
    if let Some(before) = before {
        rows = rows.filter(Column::Id.lt(before));
    }
    let mut rows = rows.all(&*service.database).await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.id)?;
    Ok(pb::ListPasskeysResponse { passkeys: rows.iter().map(Model::to_proto).collect(), next_page_token })
}
