use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Violations};

use crate::catalogue::COMMUNITIES_GET;
use crate::entity::community;
use crate::error::Error;
use crate::{Community, authority, parse};

pub(crate) async fn get_community(
    service: &Community,
    caller: &Caller,
    request: pb::GetCommunityRequest,
) -> Result<pb::GetCommunityResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse());
    let name: CommunityName = parse::required(name, &mut violations)?;
    require_visible(service, caller, name).await?;
    let (row, root) =
        community::with_root(&*service.database, name).await?.ok_or(Error::CommunityNotFound(name))?;
    Ok(pb::GetCommunityResponse { community: Some(row.to_proto(root)) })
}

/// Refuses who may not see the community. Platform administrators see all.
pub(super) async fn require_visible(
    service: &Community,
    caller: &Caller,
    name: CommunityName,
) -> Result<(), Error> {
    if caller.is_platform_admin() {
        return Ok(());
    }
    authority::require(service, caller, COMMUNITIES_GET, name).await
}
