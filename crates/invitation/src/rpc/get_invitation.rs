use usher_api::invitation as pb;
use usher_api::name::CommunityName;
use usher_runtime::Caller;

use crate::entity::history::Model;
use crate::error::Error;
use crate::{Invitation, access, history, parse};

pub(crate) async fn get_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::GetInvitationRequest,
) -> Result<pb::GetInvitationResponse, Error> {
    let name = parse::invitation_name("name", &request.name)?;
    let (row, mut grants) = access::find(service, caller, access::LIST, name).await?;
    let communities = grants.iter().map(|grant| CommunityName(grant.community_id));
    let visible = access::communities_with(service, caller, access::LIST, communities).await?;
    if visible.is_empty() {
        access::require_in_all(service, caller, access::LIST, &grants).await?;
    }
    grants.retain(|grant| visible.contains(&CommunityName(grant.community_id)));
    let history = history::of_invitation(&*service.database, row.id).await?;
    let timeline = history.iter().map(Model::to_proto).collect();
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    Ok(pb::GetInvitationResponse { invitation, timeline })
}
