use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::Caller;

use crate::Identity;
use crate::access::{named_user, require_visible};
use crate::entity::picture::Entity;
use crate::error::Error;

pub(crate) async fn get_user_picture(
    service: &Identity,
    caller: &Caller,
    request: pb::GetUserPictureRequest,
) -> Result<pb::GetUserPictureResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_visible(caller, name)?;
    let row = Entity::find_by_id(name.0).one(&*service.database).await?;
    let row = row.ok_or(Error::PictureNotFound(name))?;
    Ok(pb::GetUserPictureResponse {
        media_type: row.media_type,
        picture: row.content,
        picture_id: row.picture_id,
    })
}
