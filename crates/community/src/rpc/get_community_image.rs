use sea_orm::EntityTrait as _;
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Violations};

use super::get_community::require_visible;
use crate::entity::{community, image};
use crate::error::Error;
use crate::{Community, parse};

pub(crate) async fn get_community_image(
    service: &Community,
    caller: &Caller,
    request: pb::GetCommunityImageRequest,
) -> Result<pb::GetCommunityImageResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse());
    let name: CommunityName = parse::required(name, &mut violations)?;
    require_visible(service, caller, name).await?;
    let connection = &*service.database;
    if community::Entity::find_by_id(name.0).one(connection).await?.is_none() {
        return Err(Error::CommunityNotFound(name));
    }
    let image = image::Entity::find_by_id(name.0).one(connection).await?;
    let image::Model { media_type, content, image_id, .. } = image.ok_or(Error::ImageNotFound(name))?;
    Ok(pb::GetCommunityImageResponse { media_type, image: content, image_id })
}
