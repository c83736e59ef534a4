use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};

use crate::catalogue::COMMUNITIES_UPDATE;
use crate::consistency::ConsistencyToken;
use crate::entity::community::{Column, Entity, Model};
use crate::error::Error;
use crate::event::CommunityFact;
use crate::profile::{self, Profile};
use crate::tree::HeldCommunity;
use crate::{Community, authority, event, parse};

pub(crate) async fn update_community(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateCommunityRequest,
) -> Result<pb::UpdateCommunityResponse, Error> {
    let asked = request.community.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("community.name", asked.name.parse::<CommunityName>());
    let filled = |field: &str| profile::is_filled(&asked, field);
    let mask = request.update_mask.as_ref();
    let mask = parse::update_mask(mask, &profile::FIELDS, filled, &mut violations);
    let profile = Profile::parse(&asked, &mask, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    authority::require_for_change(&*service.database, caller, COMMUNITIES_UPDATE, name).await?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateCommunity", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, name).await?;
    authority::require_for_change(&*change, caller, COMMUNITIES_UPDATE, name).await?;
    community.require_etag(&asked.etag)?;
    let row = update(service, &change, &community.row, profile).await?;
    let consistency_token = ConsistencyToken::seal(service, community.held)?;
    let answer = pb::UpdateCommunityResponse { community: Some(row.to_proto(row.state)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(community = %name, "community {} updated", name.0);
    Ok(answer)
}

async fn update(service: &Community, change: &Change, row: &Model, profile: Profile) -> Result<Model, Error> {
    let now = service.clock.now();
    let display_name = profile.display_name.unwrap_or_else(|| row.display_name.clone());
    let description = profile.description.unwrap_or_else(|| row.description.clone());
    let website_uri = profile.website_uri.unwrap_or_else(|| row.website_uri.clone());
    let rows = Entity::update_many()
        .col_expr(Column::NameKey, Expr::value(parse::name_key(&display_name)))
        .col_expr(Column::SearchKey, Expr::value(parse::search_key(&display_name, &description)))
        .col_expr(Column::DisplayName, Expr::value(display_name))
        .col_expr(Column::Description, Expr::value(description))
        .col_expr(Column::WebsiteUri, Expr::value(website_uri))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .filter(Column::Id.eq(row.id))
        .exec_with_returning(&**change)
        .await?;
    let row = rows.into_iter().next().ok_or(Failure::ConcurrentChange)?;
    event::of_community(service, change, &row, CommunityFact::Updated).await?;
    Ok(row)
}
