use usher_api::community as pb;
use usher_api::name::MemberName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::catalogue::MEMBERS_SUSPEND;
use crate::consistency::ConsistencyToken;
use crate::entity::member::{State, SuspendReason};
use crate::error::Error;
use crate::membership::HeldMember;
use crate::roster::Roster;
use crate::{Community, administrators, authority, parse};

pub(crate) async fn suspend_member(
    service: &Community,
    caller: &Caller,
    request: pb::SuspendMemberRequest,
) -> Result<pb::SuspendMemberResponse, Error> {
    let actor = caller.actor()?;
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<MemberName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    let once = Once::new(&service.sealing, &service.clock, caller, "SuspendMember", request_id, &request);
    // Before the authority, which the change itself may have taken from the caller.
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    authority::require_for_change(service, caller, MEMBERS_SUSPEND, name.community).await?;
    violations.finish()?;

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut member = HeldMember::take(&change, name).await?;
    member.require_power(&change, actor, MEMBERS_SUSPEND).await?;
    member.require_etag(&request.etag)?;
    if member.row.state == State::Suspended {
        return Err(Error::MemberSuspended(name));
    }
    member.suspend(service, &change, SuspendReason::ByMember).await?;
    administrators::require_one(&change, &member.community.root).await?;
    let roster = Roster::load(&*change, &member.community.row, &[name.user]).await?;
    let consistency_token = ConsistencyToken::seal(service, member.community.held)?;
    let answer = pb::SuspendMemberResponse { member: Some(roster.describe(name.user)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(member = %name, "member {} suspended", name.user);
    Ok(answer)
}
