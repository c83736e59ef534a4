use usher_api::identity as pb;
use usher_runtime::Caller;

use crate::access::{named_user, require_self};
use crate::account_mail::Order;
use crate::entity::account_mail::Kind;
use crate::error::Error;
use crate::{Identity, account, account_mail};

pub(crate) async fn request_email_verification(
    service: &Identity,
    caller: &Caller,
    request: pb::RequestEmailVerificationRequest,
) -> Result<pb::RequestEmailVerificationResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_self(caller, name, "users.update")?;
    let kind = Kind::EmailVerification;
    let change = service.database.change().await?;
    let account = account::hold(&change, name).await?;
    if account.email_verified {
        return Err(Error::EmailVerified(name));
    }
    let email = account.address()?;
    account_mail::require_few(service, &change, kind, (&account, &email)).await?;
    let order = Order { kind, account: Some(&account), email: &email, source: caller.source };
    account_mail::order(service, &change, order).await?;
    change.commit().await?;
    Ok(pb::RequestEmailVerificationResponse {})
}
