use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::consistency::ConsistencyToken;
use crate::entity::community::State;
use crate::error::Error;
use crate::event::CommunityFact;
use crate::tree::HeldCommunity;
use crate::{Community, lifecycle, parse};

pub(crate) async fn suspend_community(
    service: &Community,
    caller: &Caller,
    request: pb::SuspendCommunityRequest,
) -> Result<pb::SuspendCommunityResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<CommunityName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    lifecycle::require_power_to_suspend(&*service.database, caller, name).await?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "SuspendCommunity", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, name).await?;
    lifecycle::require_power_to_suspend(&*change, caller, name).await?;
    community.require_active()?;
    community.require_etag(&request.etag)?;
    let row =
        lifecycle::put(service, &change, &community, State::Suspended, CommunityFact::Suspended).await?;
    let root = if row.id == community.root.id { row.state } else { community.root.state };
    let consistency_token = ConsistencyToken::seal(service, community.held)?;
    let answer = pb::SuspendCommunityResponse { community: Some(row.to_proto(root)), consistency_token };
    once.commit(change, &answer).await?;
    Ok(answer)
}
