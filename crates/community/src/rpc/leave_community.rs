use usher_api::community as pb;
use usher_api::name::{CommunityName, MemberName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::consistency::ConsistencyToken;
use crate::error::Error;
use crate::membership::HeldMember;
use crate::{Community, administrators, membership, parse};

pub(crate) async fn leave_community(
    service: &Community,
    caller: &Caller,
    request: pb::LeaveCommunityRequest,
) -> Result<pb::LeaveCommunityResponse, Error> {
    let user = caller.person()?.user;
    let mut violations = Violations::default();
    let community = violations.check("name", request.name.parse::<CommunityName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let community = parse::required(community, &mut violations)?;
    violations.finish()?;
    let name = MemberName { community, user: user.0 };

    let once = Once::new(&service.sealing, &service.clock, caller, "LeaveCommunity", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    // Before anything is held: who has nothing to do with a tree cannot make others wait for it.
    if let Err(missing) = membership::find(&*service.database, name).await {
        // Perhaps the same request, sent twice, ended it between the two looks.
        return once.earlier_answer(&*service.database).await?.ok_or(missing);
    }
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut member = HeldMember::take_anywhere(&change, name).await?;
    member.remove(service, &change).await?;
    administrators::require_one(&change, &member.community.root).await?;
    let consistency_token = ConsistencyToken::seal(service, member.community.held)?;
    let answer = pb::LeaveCommunityResponse { consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(member = %name, "member {} left", user.0);
    Ok(answer)
}
