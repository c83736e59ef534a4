use sea_orm::sea_query::OnConflict;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};

use crate::catalogue::COMMUNITIES_UPDATE;
use crate::consistency::ConsistencyToken;
use crate::entity::{community, settings};
use crate::error::Error;
use crate::event::CommunityFact;
use crate::settings::{self as domain, InForce, Settings};
use crate::tree::{self, HeldCommunity};
use crate::{Community, authority, event, parse};

pub(crate) async fn update_community_settings(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateCommunitySettingsRequest,
) -> Result<pb::UpdateCommunitySettingsResponse, Error> {
    let asked = request.settings.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("settings.name", parse::settings_name(&asked.name));
    let filled = |field: &str| domain::is_filled(&asked, field);
    let mask = request.update_mask.as_ref();
    let mask = parse::update_mask(mask, &domain::FIELDS, filled, &mut violations);
    Settings::default().update(&asked, &mask, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    authority::require_for_change(service, caller, COMMUNITIES_UPDATE, name).await?;
    violations.finish()?;

    let once =
        Once::new(&service.sealing, &service.clock, caller, "UpdateCommunitySettings", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, name).await?;
    community.require_active()?;
    let before = InForce::load(&*change, &community.row).await?;
    tree::require_etag(&asked.etag, before.row.version, &asked.name)?;
    let mut wanted = Settings::from(&before.row);
    wanted.update(&asked, &mask, &mut Violations::default());
    write(service, &change, wanted.to_row(name, before.row.version + 1, service.clock.now())).await?;
    let InForce { row, effective } = InForce::load(&*change, &community.row).await?;
    event::of_settings(service, &change, community.root.name(), &row).await?;
    let answer = pb::UpdateCommunitySettingsResponse {
        settings: Some(wanted.to_proto(name, Some(&row))),
        effective_settings: Some(effective.to_proto(name, None)),
        consistency_token: ConsistencyToken::seal(service, community.held)?,
    };
    once.commit(change, &answer).await?;
    tracing::info!(community = %name, "settings of community {} updated", name.0);
    Ok(answer)
}

async fn write(service: &Community, change: &Change, row: settings::Model) -> Result<(), Error> {
    use settings::Column;
    let columns = [
        Column::AllowedEmailDomains,
        Column::SeatLimit,
        Column::MaxInvitationLife,
        Column::EnforceTwoFactor,
        Column::SessionDuration,
        Column::DeactivateInactiveMembers,
        Column::DirectAddition,
        Column::PersonalMessages,
        Column::Version,
        Column::UpdateTime,
    ];
    let overwrite = OnConflict::column(Column::CommunityId).update_columns(columns).to_owned();
    let (id, now) = (row.community_id, row.update_time);
    let row = settings::ActiveModel::from(row).reset_all();
    settings::Entity::insert(row).on_conflict(overwrite).exec_without_returning(&**change).await?;
    let rows = community::Entity::update_many()
        .col_expr(community::Column::Version, Expr::col(community::Column::Version).add(1))
        .col_expr(community::Column::UpdateTime, Expr::value(now))
        .filter(community::Column::Id.eq(id))
        .exec_with_returning(&**change)
        .await?;
    let row = rows.into_iter().next().ok_or(Failure::ConcurrentChange)?;
    event::of_community(service, change, &row, CommunityFact::Updated).await
}
