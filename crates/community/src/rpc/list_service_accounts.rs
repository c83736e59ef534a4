use sea_orm::sea_query::{Condition, Expr, Query};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::keyset::contains;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::api_key::require_platform_admin;
use crate::catalogue::API_KEYS_LIST;
use crate::entity::program_permission;
use crate::entity::service_account::{Column, Entity};
use crate::error::Error;
use crate::service_account::describe;
use crate::{Community, authority, parse};

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;

pub(crate) async fn list_service_accounts(
    service: &Community,
    caller: &Caller,
    request: pb::ListServiceAccountsRequest,
) -> Result<pb::ListServiceAccountsResponse, Error> {
    let mut violations = Violations::default();
    let community = Some(&request.community).filter(|text| !text.is_empty());
    let community = match community {
        None => None,
        Some(text) => {
            let community = violations.check("community", text.parse::<CommunityName>());
            Some(parse::required(community, &mut violations)?)
        }
    };
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let search = parse::search(&request.search, &mut violations);
    match community {
        Some(community) => authority::require(service, caller, API_KEYS_LIST, community).await?,
        None => require_platform_admin(caller, "serviceAccounts.list", &"serviceAccounts")?,
    }
    violations.finish()?;

    let connection = &*service.database;
    let filter = (community, &search);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListServiceAccounts", &filter);
    // Ids tell the order in which they were made.
    let after: Option<Uuid> = pages.open(&request.page_token)?;
    let search = search.as_deref().map(|text| contains(Expr::col((Entity, Column::SearchKey)), text));
    let mut rows = Entity::find()
        .filter(Condition::all().add_option(community.map(given_something_by)))
        .filter(Condition::all().add_option(search))
        .filter(Condition::all().add_option(after.map(|id| Column::Id.gt(id))))
        .order_by_asc(Column::Id)
        .limit(size + 1)
        .all(connection)
        .await?;
    let next_page_token = pages.cut(&mut rows, size, |row| row.id)?;
    let service_accounts = describe(connection, &rows, community).await?;
    Ok(pb::ListServiceAccountsResponse { service_accounts, next_page_token })
}

fn given_something_by(community: CommunityName) -> Expr {
    let programs = Query::select()
        .column(program_permission::Column::ProgramId)
        .from(program_permission::Entity)
        .and_where(program_permission::Column::CommunityId.eq(community.0))
        .to_owned();
    Column::Id.in_subquery(programs)
}
