use std::time::Duration;

use usher_api::identity as pb;
use usher_api::name::UserName;
use usher_runtime::Violations;
use usher_runtime::fields::required;

use crate::entity::account_mail::Kind;
use crate::error::Error;
use crate::second_factor::code::{Code, set_recovery};
use crate::second_factor::{Factors, remove_all};
use crate::{Identity, account, account_mail, session};

/// How long the code serves.
const LIFE: Duration = Duration::from_hours(24);

pub(crate) async fn reset_two_factor(
    service: &Identity,
    request: pb::ResetTwoFactorRequest,
) -> Result<pb::ResetTwoFactorResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<UserName> = violations.check("name", request.name.parse());
    let name = required(name, &mut violations)?;

    let change = service.database.change().await?;
    let account = account::hold(&change, name).await?;
    if Factors::of(&*change, &account).await?.accepted().is_empty() {
        return Err(Error::TwoFactorNotEnabled(name));
    }
    remove_all(&change, account.id).await?;
    let (code, expire_time) = (Code::generate(&service.random), service.clock.now().after(LIFE));
    set_recovery(&change, account.id, &code, expire_time).await?;
    session::end_all(service, &change, account.id, None).await?;
    let row = account::write(service, &change, account.id, Vec::new(), "user.two_factor_reset").await?;
    account_mail::notify(service, &change, Kind::TwoFactorReset, &row).await?;
    change.commit().await?;
    tracing::info!(user = %name, "second factor of account {} reset", account.id);
    Ok(pb::ResetTwoFactorResponse { recovery_code: code.written(), expire_time: Some(expire_time.into()) })
}
