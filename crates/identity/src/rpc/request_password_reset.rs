use usher_api::identity as pb;
use usher_runtime::fields::required;
use usher_runtime::{Caller, EmailAddress, Violations};

use crate::Identity;
use crate::account_mail::{self, Order};
use crate::entity::account_mail::Kind;
use crate::error::Error;

/// Does the same whether or not there is an account: that is looked for when the mail is about to leave.
pub(crate) async fn request_password_reset(
    service: &Identity,
    caller: &Caller,
    request: pb::RequestPasswordResetRequest,
) -> Result<pb::RequestPasswordResetResponse, Error> {
    let mut violations = Violations::default();
    let email: Option<EmailAddress> = violations.check("email", request.email.parse());
    let email = required(email, &mut violations)?;

    let (kind, source) = (Kind::PasswordReset, caller.source);
    let change = service.database.change().await?;
    account_mail::require_quiet_source(service, &change, source).await?;
    if account_mail::wait_for_address(service, &change, kind, &email).await?.is_none() {
        let order = Order { kind, account: None, email: &email, source };
        account_mail::order(service, &change, order).await?;
    }
    change.commit().await?;
    Ok(pb::RequestPasswordResetResponse {})
}
