use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use usher_api::community as pb;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};

use crate::Community;
use crate::entity::permission::{Column, Entity, Model};
use crate::error::Error;

const DEFAULT_PAGE: u64 = 200;
const LARGEST_PAGE: u64 = 1_000;

pub(crate) async fn list_permissions(
    service: &Community,
    caller: &Caller,
    request: pb::ListPermissionsRequest,
) -> Result<pb::ListPermissionsResponse, Error> {
    let mut violations = Violations::default();
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListPermissions", &());
    let after: Option<String> = pages.open(&request.page_token)?;
    let mut rows = Entity::find()
        .filter(Condition::all().add_option(after.map(|name| Column::Name.gt(name))))
        .order_by_asc(Column::Name)
        .limit(size + 1)
        .all(&*service.database)
        .await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.name.clone())?;
    let permissions = rows.iter().map(Model::to_proto).collect();
    Ok(pb::ListPermissionsResponse { permissions, next_page_token })
}
