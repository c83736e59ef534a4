use sea_orm::EntityTrait as _;
use usher_api::community as pb;
use usher_runtime::{Caller, Violations};

use super::get_community::require_visible;
use crate::entity::community;
use crate::error::Error;
use crate::settings::{InForce, Settings};
use crate::{Community, parse};

pub(crate) async fn get_community_settings(
    service: &Community,
    caller: &Caller,
    request: pb::GetCommunitySettingsRequest,
) -> Result<pb::GetCommunitySettingsResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", parse::settings_name(&request.name));
    let name = parse::required(name, &mut violations)?;
    require_visible(service, caller, name).await?;
    let connection = &*service.database;
    let community = community::Entity::find_by_id(name.0).one(connection).await?;
    let community = community.ok_or(Error::CommunityNotFound(name))?;
    let InForce { row, effective } = InForce::load(connection, &community).await?;
    Ok(pb::GetCommunitySettingsResponse {
        settings: Some(Settings::from(&row).to_proto(name, Some(&row))),
        effective_settings: Some(effective.to_proto(name, None)),
    })
}
