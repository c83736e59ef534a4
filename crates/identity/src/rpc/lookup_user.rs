use usher_api::identity as pb;
use usher_runtime::{EmailAddress, Failure, Violations};

use crate::Identity;
use crate::account::find_by_email;
use crate::error::Error;

pub(crate) async fn lookup_user(
    service: &Identity,
    request: pb::LookupUserRequest,
) -> Result<pb::LookupUserResponse, Error> {
    let mut violations = Violations::default();
    let email: Option<EmailAddress> = violations.check("email", request.email.parse());
    violations.finish()?;
    let email = email.ok_or_else(|| Failure::internal("not parsed"))?;
    let row = find_by_email(service, &email).await?;
    let row = row.ok_or(Error::UserNotFound { user: request.email })?;
    Ok(pb::LookupUserResponse { user: Some(row.to_proto()) })
}
