use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::Caller;

use crate::access::{named_user, require_self};
use crate::confirmation::confirm_person;
use crate::entity::account::Entity;
use crate::entity::account_mail::Kind;
use crate::error::Error;
use crate::password::is_enough_alone;
use crate::second_factor::{is_enabled, remove_all};
use crate::{Identity, account, account_mail, community_rules};

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
    if !password.as_ref().is_none_or(is_enough_alone) {
        return Err(Error::PasswordTooShort(name));
    }

    let change = service.database.change().await?;
    account::hold_active(&change, name).await?;
    if !is_enabled(&*change, account.id).await? {
        return Err(Error::TwoFactorNotEnabled(name));
    }
    if community_rules::of_account(&*change, service, account.id).await?.two_factor {
        return Err(Error::TwoFactorEnforced(name));
    }
    remove_all(&change, account.id).await?;
    let row = account::write(service, &change, account.id, Vec::new(), "user.two_factor_disabled").await?;
    account_mail::notify(service, &change, Kind::TwoFactorDisabled, &row).await?;
    change.commit().await?;
    tracing::info!(user = %name, "account {} has no second factor any more", account.id);
    Ok(pb::DisableTwoFactorResponse {})
}
