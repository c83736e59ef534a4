use usher_api::community as pb;
use usher_runtime::{Caller, Violations};

use super::batch_check_access::{Answers, Check};
use crate::error::Error;
use crate::{Community, parse};

pub(crate) async fn check_access(
    service: &Community,
    caller: &Caller,
    request: pb::CheckAccessRequest,
) -> Result<pb::CheckAccessResponse, Error> {
    let mut violations = Violations::default();
    let pb::CheckAccessRequest { user, community, permission, consistency_token } = &request;
    let check = Check::parse("", user, community, permission, &mut violations);
    let check = parse::required(check, &mut violations)?;
    let checks = std::slice::from_ref(&check);
    let allowed = Answers::find(service, caller, checks, consistency_token).await?.allowed(&check)?;
    Ok(pb::CheckAccessResponse { allowed })
}
