use sea_orm::entity::prelude::*;
use tonic::Code;
use tonic_types::StatusExt as _;
use usher_api::identity::{CreateUserRequest, GetUserRequest, User};
use usher_api::invitation as pb;
use usher_api::name::UserName;
use usher_runtime::{Caller, EmailAddress, Failure, Violations};
use uuid::Uuid;

use crate::Invitation;
use crate::acceptance::{claim, settle, settle_first};
use crate::entity::invitation::{Model, State};
use crate::entity::{grant, invitation, token};
use crate::error::Error;
use crate::offer;
use crate::token::InvitationToken;

pub(crate) async fn accept_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::AcceptInvitationRequest,
) -> Result<pb::AcceptInvitationResponse, Error> {
    let row = find_by_token(service, &request.token).await?;
    if row.state != State::Accepted {
        row.require_pending(service.clock.now())?;
    }
    let invitee = match (request.registration, &caller.person) {
        (Some(registration), None) => register(service, &row, registration).await?,
        (None, Some(_)) => signed_in(service, caller, &row).await?,
        (None, None) => return Err(Failure::TokenMissing.into()),
        (Some(_), Some(_)) => return Err(both_ways()),
    };
    let row = accept(service, row.id, invitee).await?;
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    Ok(pb::AcceptInvitationResponse { invitation })
}

/// The invitation behind a link. Malformed and unknown tokens are answered alike.
pub(super) async fn find_by_token(service: &Invitation, text: &str) -> Result<Model, Error> {
    let token: InvitationToken = text.parse().map_err(|_| Error::NotFound)?;
    let stored =
        token::Entity::find_by_id(token.hash()).one(&*service.database).await?.ok_or(Error::NotFound)?;
    find(service, stored.invitation_id).await
}

async fn find(service: &Invitation, id: Uuid) -> Result<Model, Error> {
    invitation::Entity::find_by_id(id).one(&*service.database).await?.ok_or(Error::NotFound)
}

fn both_ways() -> Error {
    let mut violations = Violations::default();
    violations.add("registration", "must not be set by a person who is signed in");
    violations.finish().err().unwrap_or(Failure::TokenInvalid).into()
}

/// Makes the account. The holder of the link reads the mail of the invited address, which proves the mailbox. A repeated
/// call with the same registration finds the account that the first one made.
async fn register(
    service: &Invitation,
    row: &Model,
    registration: pb::Registration,
) -> Result<UserName, Error> {
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let request = CreateUserRequest {
        email: row.email.clone(),
        full_name: registration.full_name,
        password: registration.password,
        terms_version: registration.terms_version,
        request_id: row.id.to_string(),
        community_names: offer::community_names(service, &grants).await?,
        expected_memberships: grants.iter().map(|grant| grant.expected_membership(row.name().root)).collect(),
    };
    match service.identity.clone().create_user(request).await {
        Ok(response) => user_name(response.into_inner().user),
        Err(status) if status.code() == Code::AlreadyExists => Err(Error::AccountExists),
        Err(status) if status.code() == Code::InvalidArgument => Err(invalid_registration(status, row)),
        Err(status) => Err(Failure::from_neighbour("identity", status).into()),
    }
}

/// What identity says about its fields, said about ours.
fn invalid_registration(status: tonic::Status, row: &Model) -> Error {
    let details = status.get_error_details();
    let Some(faults) = details.bad_request() else {
        // Another registration with this link came first, so that the account exists.
        return if row.state == State::Accepted {
            Error::AlreadyAccepted(row.name())
        } else {
            Error::AccountExists
        };
    };
    let mut violations = Violations::default();
    for fault in &faults.field_violations {
        violations.add(format!("registration.{}", fault.field), &fault.description);
    }
    violations.finish().err().unwrap_or_else(|| Failure::internal(status)).into()
}

/// The signed-in person, if the invitation is his.
async fn signed_in(service: &Invitation, caller: &Caller, row: &Model) -> Result<UserName, Error> {
    let request = caller.forward(GetUserRequest { name: caller.person()?.user.to_string() });
    let answer = service.identity.clone().get_user(request).await;
    let user = answer.map_err(|status| Failure::from_neighbour("identity", status))?.into_inner().user;
    let account = user.as_ref().and_then(|user| user.email.parse::<EmailAddress>().ok());
    if account.is_none_or(|email| email.canonical() != row.email_canonical) {
        let invited: EmailAddress = row.email.parse().map_err(Failure::internal)?;
        return Err(Error::EmailMismatch { invited_email: invited.masked() });
    }
    if !user.as_ref().is_some_and(|user| user.email_verified) {
        return Err(Error::EmailNotVerified);
    }
    user_name(user)
}

fn user_name(user: Option<User>) -> Result<UserName, Error> {
    let name = user.unwrap_or_default().name;
    Ok(name.parse().map_err(Failure::internal)?)
}

/// Makes `invitee` the one who accepts. Of several at the same moment one wins; the same person gets the same answer again.
async fn accept(service: &Invitation, id: Uuid, invitee: UserName) -> Result<Model, Error> {
    if let Some(claimed) = claim(service, id, invitee).await? {
        return settle(service, claimed).await;
    }
    let row = find(service, id).await?;
    let mine = row.invitee_id == Some(invitee.0);
    // Somebody else's acceptance is under way, or an earlier one of the same person.
    let row = if mine { settle(service, row).await? } else { settle_first(service, row).await? };
    if row.state == State::Accepted && row.invitee_id == Some(invitee.0) {
        return Ok(row);
    }
    row.require_pending(service.clock.now())?;
    // Pending after all: what was in the way is gone, and the client may simply try again.
    Err(Failure::ConcurrentChange.into())
}
