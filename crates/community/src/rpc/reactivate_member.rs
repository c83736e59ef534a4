use usher_api::community as pb;
use usher_api::name::{MemberName, UserName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::catalogue::MEMBERS_SUSPEND;
use crate::consistency::ConsistencyToken;
use crate::entity::member::State;
use crate::error::Error;
use crate::membership::HeldMember;
use crate::roster::Roster;
use crate::settings::InForce;
use crate::{Community, authority, parse, seats, user_state};

pub(crate) async fn reactivate_member(
    service: &Community,
    caller: &Caller,
    request: pb::ReactivateMemberRequest,
) -> Result<pb::ReactivateMemberResponse, Error> {
    let actor = caller.actor()?;
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<MemberName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    authority::require_for_change(service, caller, MEMBERS_SUSPEND, name.community).await?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "ReactivateMember", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut member = HeldMember::take(&change, name).await?;
    member.require_power(&change, actor, MEMBERS_SUSPEND).await?;
    member.require_etag(&request.etag)?;
    if member.row.state != State::Suspended {
        return Err(Error::MemberNotSuspended(name));
    }
    user_state::require_active(&change, UserName(name.user)).await?;
    let settings = InForce::load(&*change, &member.community.row).await?.effective;
    seats::require_one(&change, &member.community.row, &settings).await?;
    member.reactivate(service, &change).await?;
    let roster = Roster::load(&*change, &member.community.row, &[name.user]).await?;
    let consistency_token = ConsistencyToken::seal(service, member.community.held)?;
    let answer = pb::ReactivateMemberResponse { member: Some(roster.describe(name.user)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(member = %name, "member {} reactivated", name.user);
    Ok(answer)
}
