use tonic::Code;
use usher_api::identity::LookupUserRequest;
use usher_api::invitation as pb;
use usher_runtime::Failure;

use crate::entity::grant;
use crate::error::Error;
use crate::{Invitation, offer};

use super::accept_invitation::find_by_token;

pub(crate) async fn resolve_invitation_token(
    service: &Invitation,
    request: pb::ResolveInvitationTokenRequest,
) -> Result<pb::ResolveInvitationTokenResponse, Error> {
    let row = find_by_token(service, &request.token).await?;
    row.require_pending(service.clock.now())?;
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let offer = offer::describe(service, &row, &grants).await?;
    let account_exists = account_exists(service, &row.email).await?;
    Ok(pb::ResolveInvitationTokenResponse { offer: Some(offer), account_exists })
}

/// Told only to whoever holds the link or gets the mail, who reads the mail of that address.
pub(super) async fn account_exists(service: &Invitation, email: &str) -> Result<bool, Failure> {
    match service.identity.clone().lookup_user(LookupUserRequest { email: email.to_owned() }).await {
        Ok(answer) => Ok(answer.into_inner().user.is_some_and(|user| user.email_verified)),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(Failure::from_neighbour("identity", status)),
    }
}
