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
    let check = Check::parse("", &request, &mut violations);
    let check = parse::required(check, &mut violations)?;
    let checks = std::slice::from_ref(&check);
    let answers = Answers::find(service, caller, checks, &request.consistency_token).await?;
    let allowed = answers.allowed(&check)?;
    Ok(pb::CheckAccessResponse { allowed })
}
