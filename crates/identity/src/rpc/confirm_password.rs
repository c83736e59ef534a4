use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Violations};

use crate::Identity;
use crate::access::{named_user, require_self};
use crate::confirmation::confirm;
use crate::entity::account::Entity;
use crate::error::Error;
use crate::password::Password;

pub(crate) async fn confirm_password(
    service: &Identity,
    caller: &Caller,
    request: pb::ConfirmPasswordRequest,
) -> Result<pb::ConfirmPasswordResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_self(caller, name, "users.update")?;
    let mut violations = Violations::default();
    let password = Password::enter("current_password", &request.current_password, &mut violations);
    let password = required(password, &mut violations)?;
    let account = Entity::find_by_id(name.0).one(&*service.database).await?;
    let account = account.ok_or_else(|| Error::UserNotFound { user: name.to_string() })?;
    confirm(service, caller, &account, &password).await?;
    Ok(pb::ConfirmPasswordResponse {})
}
