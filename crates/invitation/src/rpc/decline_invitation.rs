use usher_api::invitation as pb;
use usher_api::name::InvitationName;
use usher_runtime::{Caller, Failure, Violations};

use super::accept_invitation::find_by_token;
use crate::acceptance::begin_change;
use crate::entity::grant;
use crate::entity::invitation::{Model, State};
use crate::error::Error;
use crate::invitee::Invitee;
use crate::{Invitation, lifecycle};

pub(crate) async fn decline_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::DeclineInvitationRequest,
) -> Result<pb::DeclineInvitationResponse, Error> {
    let row = if request.name.is_empty() && !request.token.is_empty() {
        find_by_token(service, &request.token).await?
    } else {
        caller.person()?;
        let name = name(&request)?;
        Invitee::of(service, caller).await?.find(service, name).await?
    };
    let row = decline(service, row).await?;
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    Ok(pb::DeclineInvitationResponse { invitation })
}

fn name(request: &pb::DeclineInvitationRequest) -> Result<InvitationName, Failure> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse());
    violations.require(request.token.is_empty(), "token", "must not be set beside `name`");
    violations.finish()?;
    name.ok_or_else(|| Failure::internal("a name without violations was not parsed"))
}

/// Declines, or finds it declined.
async fn decline(service: &Invitation, row: Model) -> Result<Model, Error> {
    // If somebody is just accepting, that acceptance came first.
    let (change, row) = begin_change(service, row).await?;
    if row.state == State::Declined {
        return Ok(row);
    }
    row.require_pending(service.clock.now())?;
    let row = lifecycle::decline(service, &change, &row).await?;
    change.commit().await?;
    tracing::info!(invitation = %row.name(), "invitation {} declined", row.id);
    Ok(row)
}
