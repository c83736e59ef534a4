use sea_orm::EntityTrait as _;
use usher_api::community as pb;
use usher_api::name::{CommunityName, MemberName, UserName};
use usher_runtime::{Actor, Caller, Violations};

use crate::access::Reach;
use crate::authority::{Holdings, denied, seeing};
use crate::catalogue::{Catalogue, MEMBERS_LIST};
use crate::entity::community;
use crate::error::Error;
use crate::roster::Roster;
use crate::{Community, parse};

pub(crate) async fn get_member(
    service: &Community,
    caller: &Caller,
    request: pb::GetMemberRequest,
) -> Result<pb::GetMemberResponse, Error> {
    let name = parse_name(caller, &request.name)?;
    let (user, place) = (UserName(name.user), name.community);
    let curious = seeing(caller, user)?;
    let connection = &*service.database;
    let asked = std::iter::once(user.into()).chain(curious).map(|actor| (actor, place));
    let holdings = Holdings::load(connection, asked).await?;
    let catalogue = Catalogue::load(connection, holdings.custom_roles()).await?;
    let sees = |actor: Actor| {
        holdings.of(actor, place).as_if_active().permissions(&catalogue, Reach::Here).contains(MEMBERS_LIST)
    };
    if curious.is_some_and(|actor| !sees(actor)) {
        return Err(denied(MEMBERS_LIST, place).into());
    }
    let community = community::Entity::find_by_id(place.0).one(connection).await?;
    let Some(community) = community else { return Err(Error::MemberNotFound(name)) };
    let roster = Roster::load(connection, &community, &[name.user]).await?;
    if !roster.has(name.user) {
        return Err(Error::MemberNotFound(name));
    }
    let mut member = roster.describe(name.user);
    let permissions = holdings.of(user, place).permissions(&catalogue, Reach::Here);
    member.permissions = permissions.into_iter().map(str::to_owned).collect();
    Ok(pb::GetMemberResponse { member: Some(member) })
}

/// The name of a member, or `…/members/me`.
fn parse_name(caller: &Caller, text: &str) -> Result<MemberName, Error> {
    let mut violations = Violations::default();
    if let Some(community) = text.strip_suffix("/members/me") {
        let community = violations.check("name", community.parse::<CommunityName>());
        let community = parse::required(community, &mut violations)?;
        return Ok(MemberName { community, user: caller.person()?.user.0 });
    }
    let name = violations.check("name", text.parse());
    Ok(parse::required(name, &mut violations)?)
}
