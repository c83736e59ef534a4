use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::{Caller, Failure, Violations};

use crate::Identity;
use crate::access::require_visible;
use crate::entity::account::Entity;
use crate::error::Error;

pub(crate) async fn get_user(
    service: &Identity,
    caller: &Caller,
    request: pb::GetUserRequest,
) -> Result<pb::GetUserResponse, Error> {
    let name = parse(caller, &request.name)?;
    require_visible(caller, name)?;
    let row = Entity::find_by_id(name.0).one(&*service.database).await?;
    let row = row.ok_or(Error::UserNotFound { user: request.name })?;
    Ok(pb::GetUserResponse { user: Some(row.to_proto()) })
}

fn parse(caller: &Caller, name: &str) -> Result<UserName, Failure> {
    if name == "users/me" {
        return Ok(caller.person()?.user);
    }
    let mut violations = Violations::default();
    let parsed = violations.check("name", name.parse());
    violations.finish()?;
    parsed.ok_or_else(|| Failure::internal("not parsed"))
}
