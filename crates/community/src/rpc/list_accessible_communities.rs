use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Actor, Caller, Failure, Pages, Violations};
use uuid::Uuid;

use super::batch_check_access::parse_actor;
use crate::consistency::ConsistencyToken;
use crate::entity::community::{Column, Entity, State};
use crate::error::Error;
use crate::reach::{RolesHolding, reached_by};
use crate::{Community, parse};

const DEFAULT_PAGE: u64 = 200;
const LARGEST_PAGE: u64 = 1_000;

pub(crate) async fn list_accessible_communities(
    service: &Community,
    caller: &Caller,
    request: pb::ListAccessibleCommunitiesRequest,
) -> Result<pb::ListAccessibleCommunitiesResponse, Error> {
    let mut violations = Violations::default();
    let actor = parse_actor("", &request.user, &request.on_behalf_of, &mut violations);
    let named = !request.permission.is_empty();
    violations.require(named, "permission", "must not be empty");
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let actor = parse::required(actor, &mut violations)?;
    require_asker(caller, actor)?;
    violations.finish()?;
    ConsistencyToken::await_write(service, &request.consistency_token).await?;

    let connection = &*service.database;
    let holding = RolesHolding::load(connection, &request.permission).await?;
    let filter = (actor, &request.permission);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListAccessibleCommunities", &filter);
    let after: Option<Uuid> = pages.open(&request.page_token)?;
    let mut ids: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(reached_by(connection, actor, Some(&holding)))
        .filter(Column::State.eq(State::Active))
        .filter(root_is_active())
        .filter(Condition::all().add_option(after.map(|id| Column::Id.gt(id))))
        .order_by_asc(Column::Id)
        .limit(size + 1)
        .into_tuple()
        .all(connection)
        .await?;
    let next_page_token = pages.cut(&mut ids, size, |id| *id)?;
    let communities = ids.into_iter().map(|id| CommunityName(id).to_string()).collect();
    Ok(pb::ListAccessibleCommunitiesResponse { communities, next_page_token })
}

/// Services ask about anybody, others about themselves: of an account, on behalf of those for whom it calls.
fn require_asker(caller: &Caller, actor: Actor) -> Result<(), Failure> {
    if caller.service.is_some() || caller.actor()? == actor {
        return Ok(());
    }
    let resource = actor.principal.to_string();
    Err(Failure::PermissionDenied { permission: "users.get".to_owned(), resource })
}

fn root_is_active() -> Expr {
    let root = Alias::new("root");
    let active = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, root.clone())
        .and_where(Expr::col((root.clone(), Column::Id)).equals((Entity, Column::RootId)))
        .and_where(Expr::col((root, Column::State)).eq(State::Active))
        .to_owned();
    Expr::exists(active)
}
