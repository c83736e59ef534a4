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
    let pb::ExplainAccessRequest { user, community, permission, consistency_token } = &request;
    let check = Check::parse("", user, community, permission, &mut violations);
    let check = parse::required(check, &mut violations)?;
    let checks = std::slice::from_ref(&check);
    let answers = Answers::find(service, caller, checks, consistency_token).await?;
    let allowed = answers.allowed(&check)?;
    let permission = answers.holdings.permission(canonical(&check.permission));
    let permission = permission.ok_or_else(|| Error::UnknownPermission(check.permission.clone()))?;
    let standing = answers.holdings.of(check.user, check.community);
    let names = RoleNames::load(&*service.database, standing.roles.iter().map(|held| held.role)).await?;
    let paths = standing.explain(permission).map(|(held, obstacles)| AccessPath {
        role: Some(names.describe(held, check.community)),
        obstacles: obstacles.into_iter().map(|obstacle| to_proto(obstacle).into()).collect(),
    });
    let state = standing.place.map_or(CommunityState::Unspecified, |place| place.effective_state().into());
    Ok(pb::ExplainAccessResponse { allowed, community_state: state.into(), paths: paths.collect() })
}

fn to_proto(obstacle: Obstacle) -> AccessObstacle {
    match obstacle {
        Obstacle::PermissionNotHeld => AccessObstacle::PermissionNotHeld,
        Obstacle::NotInherited => AccessObstacle::NotInherited,
        Obstacle::MemberSuspended => AccessObstacle::MemberSuspended,
        Obstacle::CommunitySuspended => AccessObstacle::CommunitySuspended,
        Obstacle::CommunityDeleted => AccessObstacle::CommunityDeleted,
    }
}
