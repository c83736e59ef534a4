use sea_orm::EntityTrait as _;
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Violations};

use crate::catalogue::COMMUNITIES_GET;
use crate::entity::community;
use crate::error::Error;
use crate::{Community, authority, parse};

pub(crate) async fn get_community(
    service: &Community,
    caller: &Caller,
    request: pb::GetCommunityRequest,
) -> Result<pb::GetCommunityResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse());
    let name: CommunityName = parse::required(name, &mut violations)?;
    authority::require(service, caller, COMMUNITIES_GET, name).await?;
    let row = community::Entity::find_by_id(name.0).one(&*service.database).await?;
    let row = row.ok_or(Error::CommunityNotFound(name))?;
    Ok(pb::GetCommunityResponse { community: Some(row.to_proto()) })
}
