use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::Caller;

use crate::Identity;
use crate::access::{named_user, require_self};
use crate::confirmation::confirm_person;
use crate::entity::account::{Entity, Model};
use crate::error::Error;
use crate::second_factor::{challenge, totp};

pub(crate) async fn start_totp_enrollment(
    service: &Identity,
    caller: &Caller,
    request: pb::StartTotpEnrollmentRequest,
) -> Result<pb::StartTotpEnrollmentResponse, Error> {
    let account = if request.challenge_token.is_empty() {
        let name = named_user(caller, "name", &request.name)?;
        require_self(caller, name, "users.update")?;
        let account = find(service, name).await?;
        confirm_person(service, caller, &account, &request.current_password).await?;
        account
    } else {
        let challenge = challenge::find(service, &request.challenge_token, true).await?;
        find(service, UserName(challenge.account_id)).await?
    };
    let started = totp::start(service, &account).await?;
    Ok(pb::StartTotpEnrollmentResponse {
        secret: started.secret,
        provisioning_uri: started.provisioning_uri,
        qr_code_svg: started.qr_code_svg,
        expire_time: Some(started.expire_time.into()),
    })
}

async fn find(service: &Identity, name: UserName) -> Result<Model, Error> {
    let account = Entity::find_by_id(name.0).one(&*service.database).await?;
    account.ok_or_else(|| Error::UserNotFound { user: name.to_string() })
}
