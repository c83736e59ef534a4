use usher_api::community::{self as pb, AccessObstacle, AccessPath, CommunityState};
use usher_runtime::{Caller, Violations};

use super::batch_check_access::{Answers, Check};
use crate::access::Obstacle;
use crate::catalogue::canonical;
use crate::error::Error;
use crate::roster::RoleNames;
use crate::{Community, parse};

pub(crate) async fn explain_access(
    service: &Community,
    caller: &Caller,
    request: pb::ExplainAccessRequest,
) -> Result<pb::ExplainAccessResponse, Error> {
    let mut violations = Violations::default();
    let pb::ExplainAccessRequest { user, community, permission, consistency_token, on_behalf_of } = request;
    let asked = pb::CheckAccessRequest { user, community, permission, consistency_token, on_behalf_of };
    let check = Check::parse("", &asked, &mut violations);
    let check = parse::required(check, &mut violations)?;
    let checks = std::slice::from_ref(&check);
    let answers = Answers::find(service, caller, checks, &asked.consistency_token).await?;
    let allowed = answers.allowed(&check)?;
    let permission = answers.holdings.permission(canonical(&check.permission));
    let permission = permission.ok_or_else(|| Error::UnknownPermission(check.permission.clone()))?;
    let standing = answers.holdings.of(check.actor, check.community);
    let person = standing.represented.as_deref().unwrap_or(&*standing);
    let names = RoleNames::load(&*service.database, person.roles.iter().map(|held| held.role)).await?;
    let roles = person.explain(permission).map(|(held, obstacles)| AccessPath {
        role: Some(names.describe(held, check.community)),
        obstacles: all_to_proto(obstacles),
        ..AccessPath::default()
    });
    let given = standing.explain_given(permission).map(|(held, obstacles)| AccessPath {
        program: check.actor.principal.to_string(),
        given_in: held.given_in.to_string(),
        obstacles: all_to_proto(obstacles),
        ..AccessPath::default()
    });
    let paths = given.chain(roles);
    let state = standing.place.map_or(CommunityState::Unspecified, |place| place.effective_state().into());
    Ok(pb::ExplainAccessResponse { allowed, community_state: state.into(), paths: paths.collect() })
}

fn all_to_proto(obstacles: Vec<Obstacle>) -> Vec<i32> {
    obstacles.into_iter().map(|obstacle| to_proto(obstacle).into()).collect()
}

fn to_proto(obstacle: Obstacle) -> AccessObstacle {
    match obstacle {
        Obstacle::KeyRevoked => AccessObstacle::KeyRevoked,
        Obstacle::KeyExpired => AccessObstacle::KeyExpired,
        Obstacle::AccountDisabled => AccessObstacle::AccountDisabled,
        Obstacle::NotRepresenting => AccessObstacle::NotRepresenting,
        Obstacle::PermissionNotHeld => AccessObstacle::PermissionNotHeld,
        Obstacle::NotInherited => AccessObstacle::NotInherited,
        Obstacle::MemberSuspended => AccessObstacle::MemberSuspended,
        Obstacle::CommunitySuspended => AccessObstacle::CommunitySuspended,
        Obstacle::CommunityDeleted => AccessObstacle::CommunityDeleted,
    }
}
