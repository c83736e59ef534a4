use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::Caller;

use crate::access::{named_user, require_self};
use crate::confirmation::confirm_person;
use crate::entity::account::Entity;
use crate::error::Error;
use crate::second_factor::disabling::{disable, require_dispensable};
use crate::second_factor::is_enabled;
use crate::{Identity, account};

pub(crate) async fn disable_two_factor(
    service: &Identity,
    caller: &Caller,
    request: pb::DisableTwoFactorRequest,
) -> Result<pb::DisableTwoFactorResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_self(caller, name, "users.update")?;
    let account = Entity::find_by_id(name.0).one(&*service.database).await?;
    let account = account.ok_or_else(|| Error::UserNotFound { user: name.to_string() })?;
    let password = confirm_person(service, caller, &account, &request.current_password).await?;

    let change = service.database.change().await?;
    let account = account::hold_active(&change, name).await?;
    if !is_enabled(&*change, account.id).await? {
        return Err(Error::TwoFactorNotEnabled(name));
    }
    require_dispensable(service, &change, &account, password.as_ref()).await?;
    disable(service, &change, &account).await?;
    change.commit().await?;
    tracing::info!(user = %name, "account {} has no second factor any more", account.id);
    Ok(pb::DisableTwoFactorResponse {})
}
