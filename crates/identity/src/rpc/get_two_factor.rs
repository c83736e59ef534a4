use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::{Caller, Failure, Violations};

use crate::access::{named_user, require_own};
use crate::entity::account::Entity;
use crate::error::Error;
use crate::second_factor::Factors;
use crate::{Identity, community_rules};

pub(crate) async fn get_two_factor(
    service: &Identity,
    caller: &Caller,
    request: pb::GetTwoFactorRequest,
) -> Result<pb::GetTwoFactorResponse, Error> {
    let name = parse(caller, &request.name)?;
    require_own(caller, name, "users.get")?;
    let account = Entity::find_by_id(name.0).one(&*service.database).await?;
    let account = account.ok_or_else(|| Error::UserNotFound { user: name.to_string() })?;
    let factors = Factors::of(&*service.database, account.id).await?;
    let asked = community_rules::of_account(&*service.database, service, account.id).await?;
    let two_factor = pb::TwoFactor {
        name: format!("{name}/twoFactor"),
        enabled: !factors.accepted().is_empty(),
        factors: factors.accepted().into_iter().map(Into::into).collect(),
        backup_code_count: i32::try_from(factors.backup_codes).unwrap_or(i32::MAX),
        enforced: asked.two_factor,
        enable_time: factors.app.map(|app| app.enable_time.into()),
    };
    Ok(pb::GetTwoFactorResponse { two_factor: Some(two_factor) })
}

fn parse(caller: &Caller, name: &str) -> Result<UserName, Failure> {
    if let Some(user) = name.strip_suffix("/twoFactor") {
        return named_user(caller, "name", user);
    }
    let mut violations = Violations::default();
    violations.add("name", "must be `users/{user}/twoFactor`");
    Err(Failure::InvalidFields(violations))
}
