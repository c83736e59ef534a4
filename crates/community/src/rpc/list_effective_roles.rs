use std::collections::HashMap;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Caller, Violations};
use uuid::Uuid;

use crate::access::{Effective, Reach};
use crate::authority::{Holdings, curious_person, denied};
use crate::catalogue::{Catalogue, MEMBERS_LIST};
use crate::entity::role;
use crate::error::Error;
use crate::{Community, parse};

pub(crate) async fn list_effective_roles(
    service: &Community,
    caller: &Caller,
    request: pb::ListEffectiveRolesRequest,
) -> Result<pb::ListEffectiveRolesResponse, Error> {
    let mut violations = Violations::default();
    let user = violations.check("user", request.user.parse::<UserName>());
    let community = violations.check("community", request.community.parse::<CommunityName>());
    let user = parse::required(user, &mut violations)?;
    let community = parse::required(community, &mut violations)?;
    let curious = curious_person(caller, user)?;

    let places = std::iter::once(user).chain(curious).map(|person| (person, community));
    let holdings = Holdings::load(&*service.database, places).await?;
    let catalogue = Catalogue::load(&*service.database, holdings.custom_roles()).await?;
    let may_see =
        |person| holdings.of(person, community).permissions(&catalogue, Reach::Here).contains(MEMBERS_LIST);
    if curious.is_some_and(|person| !may_see(person)) {
        return Err(denied(MEMBERS_LIST, community).into());
    }
    let effective = holdings.of(user, community);
    let permissions = effective.permissions(&catalogue, Reach::Here).into_iter().map(str::to_owned).collect();
    Ok(pb::ListEffectiveRolesResponse { roles: describe(service, effective, community).await?, permissions })
}

/// The roles by their names, those given in `community` itself first.
async fn describe(
    service: &Community,
    effective: &Effective,
    community: CommunityName,
) -> Result<Vec<pb::EffectiveRole>, Error> {
    let custom: Vec<Uuid> = effective.roles.iter().filter_map(|held| held.role.custom()).collect();
    let rows = role::Entity::find().filter(role::Column::Id.is_in(custom)).all(&*service.database).await?;
    let owners: HashMap<Uuid, CommunityName> =
        rows.into_iter().map(|row| (row.id, CommunityName(row.community_id))).collect();
    let (direct, inherited): (Vec<_>, Vec<_>) =
        effective.roles.iter().partition(|held| held.given_in == community);
    let described = direct.into_iter().chain(inherited).map(|held| {
        let owner = held.role.custom().and_then(|id| owners.get(&id).copied()).unwrap_or(held.given_in);
        let inherited = held.given_in != community;
        pb::EffectiveRole {
            role: held.role.in_community(owner).to_string(),
            inherited_from: if inherited { held.given_in.to_string() } else { String::new() },
            invitation: held.invitation.clone(),
        }
    });
    Ok(described.collect())
}
