use usher_api::community::{self as pb, GrantOutcome};
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Violations};

use crate::error::Error;
use crate::grants::Judge;
use crate::{Community, parse};

pub(crate) async fn check_grants(
    service: &Community,
    caller: &Caller,
    request: pb::CheckGrantsRequest,
) -> Result<pb::CheckGrantsResponse, Error> {
    let giver = caller.actor()?;
    let mut violations = Violations::default();
    let root = violations.check("root", request.root.parse::<CommunityName>());
    let asked = parse::grants(request.grants, &mut violations);
    violations.require(!request.permission.is_empty(), "permission", "must not be empty");
    let root = parse::required(root, &mut violations)?;
    violations.finish()?;

    let judge = Judge::load(&*service.database, root, giver, &asked).await?;
    judge.know(&request.permission)?;
    // In all communities before anything is told of any.
    for grant in &asked {
        judge.authorize(&request.permission, grant)?;
    }
    judge.require_inside(&asked)?;
    let mut grants = Vec::with_capacity(asked.len());
    for grant in &asked {
        grants.push(judge.examine(grant)?.to_proto(GrantOutcome::Unspecified));
    }
    Ok(pb::CheckGrantsResponse { grants })
}
