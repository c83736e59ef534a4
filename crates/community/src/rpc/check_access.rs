use usher_api::community as pb;
use usher_runtime::{Caller, Failure, Violations};

use super::batch_check_access::{Check, answer_all};
use crate::error::Error;
use crate::{Community, parse};

pub(crate) async fn check_access(
    service: &Community,
    caller: &Caller,
    request: pb::CheckAccessRequest,
) -> Result<pb::CheckAccessResponse, Error> {
    let mut violations = Violations::default();
    let check = Check::parse("", request, &mut violations);
    let check = parse::required(check, &mut violations)?;
    let answer = answer_all(service, caller, &[check]).await?.into_iter().next();
    Ok(answer.ok_or_else(|| Failure::internal("a check was not answered"))?)
}
