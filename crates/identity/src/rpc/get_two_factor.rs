use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::{Caller, Failure, Violations};

use crate::access::{named_user, require_own};
use crate::entity::account::{Entity, Factor, Model as Account};
use crate::error::Error;
use crate::second_factor::Factors;
use crate::{Identity, community_rules};

pub(crate) async fn get_two_factor(
    service: &Identity,
    caller: &Caller,
    request: pb::GetTwoFactorRequest,
) -> Result<pb::GetTwoFactorResponse, Error> {
    let name = parse(caller, "name", &request.name)?;
    require_own(caller, name, "users.get")?;
    let account = Entity::find_by_id(name.0).one(&*service.database).await?;
    let account = account.ok_or_else(|| Error::UserNotFound { user: name.to_string() })?;
    let two_factor = show(service, &*service.database, &account).await?;
    Ok(pb::GetTwoFactorResponse { two_factor: Some(two_factor) })
}

/// What the person of `account` shows beside the password.
pub(super) async fn show(
    service: &Identity,
    reader: &impl ConnectionTrait,
    account: &Account,
) -> Result<pb::TwoFactor, Error> {
    let factors = Factors::of(reader, account).await?;
    let asked = community_rules::of_account(reader, service, account.id).await?;
    let preferred = factors.preferred.map_or(pb::SecondFactor::Unspecified, Factor::to_proto);
    Ok(pb::TwoFactor {
        name: format!("{}/twoFactor", account.name()),
        enabled: !factors.accepted().is_empty(),
        factors: factors.accepted().into_iter().map(Into::into).collect(),
        backup_code_count: i32::try_from(factors.backup_codes).unwrap_or(i32::MAX),
        enforced: asked.two_factor,
        enable_time: factors.enable_time().map(Into::into),
        preferred_factor: preferred.into(),
        etag: account.version.to_string(),
    })
}

/// The field `field`: whose it is.
pub(super) fn parse(caller: &Caller, field: &str, name: &str) -> Result<UserName, Failure> {
    if let Some(user) = name.strip_suffix("/twoFactor") {
        return named_user(caller, field, user);
    }
    let mut violations = Violations::default();
    violations.add(field, "must be `users/{user}/twoFactor`");
    Err(Failure::InvalidFields(violations))
}
