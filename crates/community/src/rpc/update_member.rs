use std::collections::BTreeSet;

use usher_api::community as pb;
use usher_api::name::MemberName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Change, Once, Violations};

use crate::access::Reach;
use crate::catalogue::MEMBERS_UPDATE;
use crate::consistency::ConsistencyToken;
use crate::error::Error;
use crate::grants::Judge;
use crate::membership::HeldMember;
use crate::parse::AskedGrant;
use crate::role::RoleId;
use crate::roster::Roster;
use crate::{Community, administrators, authority, parse};

/// A role that a member has, and how far it reaches.
type Held = (RoleId, Reach);

pub(crate) async fn update_member(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateMemberRequest,
) -> Result<pb::UpdateMemberResponse, Error> {
    let giver = caller.actor()?;
    let asked = request.member.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("member.name", asked.name.parse::<MemberName>());
    parse::update_mask(request.update_mask.as_ref(), &["roles"], |_| true, &mut violations);
    let community = name.map(|name| name.community);
    let grants = parse::member_roles(community, &asked.roles, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateMember", request_id, &request);
    // Before the authority, which the change itself may have taken from the caller.
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    authority::require_for_change(service, caller, MEMBERS_UPDATE, name.community).await?;
    violations.finish()?;

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut member = HeldMember::take(&change, name).await?;
    member.require_etag(&asked.etag)?;
    set_roles(service, &change, giver, &mut member, &grants).await?;
    let roster = Roster::load(&*change, &member.community.row, &[name.user]).await?;
    let consistency_token = ConsistencyToken::seal(service, member.community.held)?;
    let answer = pb::UpdateMemberResponse { member: Some(roster.describe(name.user)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(member = %name, "roles of member {} set", name.user);
    Ok(answer)
}

/// Gives and takes what makes the roles of `member` those of `grants`.
async fn set_roles(
    service: &Community,
    change: &Change,
    giver: Actor,
    member: &mut HeldMember,
    grants: &[AskedGrant],
) -> Result<(), Error> {
    let place = member.community.row.name();
    let judge = Judge::load_over(&**change, giver, member, grants).await?;
    judge.require(MEMBERS_UPDATE, place, Reach::Here)?;
    judge.require_inside(grants)?;
    let has: BTreeSet<Held> = member.reaching_roles().collect();
    let mut wanted: BTreeSet<Held> = BTreeSet::new();
    for grant in grants {
        let grant = judge.name_roles(grant)?;
        wanted.extend(grant.roles.iter().map(|(role, _)| (*role, grant.reach)));
    }
    let lost: Vec<Held> = has.difference(&wanted).copied().collect();
    let gained: Vec<Held> = wanted.difference(&has).copied().collect();
    // Roles that he keeps are neither given nor taken, be they beyond the giver or not.
    judge.require_power_over(place, lost.iter().chain(&gained).copied())?;
    if lost.is_empty() && gained.is_empty() {
        return Ok(());
    }
    member.exchange_roles(service, change, giver.principal, &lost, &gained).await?;
    administrators::require_one(change, &member.community.root).await
}
