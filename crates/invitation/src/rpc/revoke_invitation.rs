use usher_api::invitation as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Once, Violations};

use crate::acceptance::begin_change;
use crate::entity::grant;
use crate::entity::invitation::{self, RevokeReason};
use crate::error::Error;
use crate::lifecycle;
use crate::{Invitation, access, departure, parse};

pub(crate) async fn revoke_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::RevokeInvitationRequest,
) -> Result<pb::RevokeInvitationResponse, Error> {
    let revoker = caller.actor()?;
    let name = parse::invitation_name("name", &request.name)?;
    let (row, grants) = access::find(service, caller, access::REVOKE, name).await?;
    access::require_in_all(service, caller, access::REVOKE, &grants).await?;
    let mut violations = Violations::default();
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "RevokeInvitation", request_id, &request);
    let id = row.id;
    let answer = revoke(service, revoker, once, &request.etag, row, grants).await;
    // Whoever hears that it had been revoked before hears that it is, too.
    if matches!(&answer, Ok(_) | Err(Error::Revoked(_))) {
        departure::outlast(service, [id]).await;
    }
    answer
}

async fn revoke(
    service: &Invitation,
    revoker: Actor,
    once: Once,
    etag: &str,
    row: invitation::Model,
    grants: Vec<grant::Model>,
) -> Result<pb::RevokeInvitationResponse, Error> {
    // If somebody is just accepting, that acceptance came first.
    let (change, row) = begin_change(service, row).await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    row.require_pending(service.clock.now())?;
    row.require_etag(etag)?;
    let row = lifecycle::revoke(service, &change, &row, RevokeReason::Requested, Some(revoker)).await?;
    let grants = grants.into_iter().map(|grant| grant::Model { live: false, ..grant }).collect::<Vec<_>>();
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    let answer = pb::RevokeInvitationResponse { invitation };
    once.commit(change, &answer).await?;
    tracing::info!(invitation = %row.name(), "invitation {} revoked", row.id);
    Ok(answer)
}
