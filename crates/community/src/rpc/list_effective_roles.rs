use usher_api::community as pb;
use usher_api::name::{CommunityName, PrincipalName};
use usher_runtime::{Actor, Caller, Violations};

use crate::access::Reach;
use crate::authority::{Holdings, curious, denied};
use crate::catalogue::{Catalogue, MEMBERS_LIST};
use crate::error::Error;
use crate::roster::RoleNames;
use crate::{Community, parse};

pub(crate) async fn list_effective_roles(
    service: &Community,
    caller: &Caller,
    request: pb::ListEffectiveRolesRequest,
) -> Result<pb::ListEffectiveRolesResponse, Error> {
    let mut violations = Violations::default();
    let user = violations.check("user", request.user.parse::<PrincipalName>());
    let community = violations.check("community", request.community.parse::<CommunityName>());
    let user = parse::required(user, &mut violations)?;
    let community = parse::required(community, &mut violations)?;
    let curious = curious(caller, user)?;

    let connection = &*service.database;
    let asked = std::iter::once(user.into()).chain(curious).map(|actor| (actor, community));
    let holdings = Holdings::load(connection, asked).await?;
    let catalogue = Catalogue::load(connection, holdings.custom_roles()).await?;
    let may_see = |actor: Actor| {
        holdings.of(actor, community).permissions(&catalogue, Reach::Here).contains(MEMBERS_LIST)
    };
    if curious.is_some_and(|actor| !may_see(actor)) {
        return Err(denied(MEMBERS_LIST, community).into());
    }
    let standing = holdings.of(user, community);
    let names = RoleNames::load(connection, standing.counting().map(|held| held.role)).await?;
    let (direct, inherited): (Vec<_>, Vec<_>) =
        standing.counting().partition(|held| held.given_in == community);
    let roles = direct.into_iter().chain(inherited).map(|held| names.describe(held, community)).collect();
    let permissions = standing.permissions(&catalogue, Reach::Here).into_iter().map(str::to_owned).collect();
    Ok(pb::ListEffectiveRolesResponse { roles, permissions })
}
