use sea_orm::entity::prelude::*;
use tonic::Code;
use tonic_types::StatusExt as _;
use usher_api::identity::{CreateUserRequest, CreateUserResponse, ExpectMembershipsRequest, User};
use usher_api::invitation as pb;
use usher_api::name::{InvitationName, UserName};
use usher_runtime::{Caller, EmailAddress, Failure, Violations};
use uuid::Uuid;

use crate::Invitation;
use crate::acceptance::{Consent, claim, settle, settle_first};
use crate::entity::acceptance::Proof;
use crate::entity::invitation::{Model, State};
use crate::entity::{grant, invitation, token};
use crate::error::Error;
use crate::invitee::Invitee;
use crate::offer;
use crate::token::InvitationToken;

pub(crate) async fn accept_invitation(
    service: &Invitation,
    caller: &Caller,
    request: pb::AcceptInvitationRequest,
) -> Result<pb::AcceptInvitationResponse, Error> {
    let (row, Accepting { user, proof, enrollment_required }) = match parse(&request)? {
        Some(name) => from_inbox(service, caller, name).await?,
        None => by_link(service, caller, &request.token, request.registration).await?,
    };
    let consent = Consent {
        invitee: user.name.parse().map_err(Failure::internal)?,
        proof,
        terms_version: user.terms_version,
        confirmed_fingerprint: request.confirmed_fingerprint,
    };
    let row = accept(service, caller, row.id, &consent).await?;
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let invitation = Some(row.to_proto(&grants, service.clock.now()));
    Ok(pb::AcceptInvitationResponse { invitation, enrollment_required })
}

/// Whoever accepts.
struct Accepting {
    user: User,
    proof: Proof,
    /// Whether he has to enrol in a second factor when he signs in.
    enrollment_required: bool,
}

/// Reads the request. The name of the invitation, if it is not told by a link.
fn parse(request: &pb::AcceptInvitationRequest) -> Result<Option<InvitationName>, Failure> {
    let mut violations = Violations::default();
    violations.length("confirmed_fingerprint", &request.confirmed_fingerprint, 0..=64);
    let mut name = None;
    if !request.name.is_empty() {
        name = violations.check("name", request.name.parse());
        violations.require(request.token.is_empty(), "token", "must not be set beside `name`");
        let registers = request.registration.is_some();
        violations.require(!registers, "registration", "must not be set beside `name`: it takes the link");
    }
    violations.finish()?;
    Ok(name)
}

/// The signed-in person, and the invitation that he names.
async fn from_inbox(
    service: &Invitation,
    caller: &Caller,
    name: InvitationName,
) -> Result<(Model, Accepting), Error> {
    caller.person()?;
    let person = Invitee::of(service, caller).await?;
    let row = person.find(service, name).await?;
    require_acceptable(service, &row)?;
    require_second_factor(service, &row, &person.account).await?;
    let accepting = Accepting { user: person.account, proof: Proof::Session, enrollment_required: false };
    Ok((row, accepting))
}

/// The invitation of the link, and whoever accepts it by that.
async fn by_link(
    service: &Invitation,
    caller: &Caller,
    token: &str,
    registration: Option<pb::Registration>,
) -> Result<(Model, Accepting), Error> {
    let row = find_by_token(service, token).await?;
    require_acceptable(service, &row)?;
    let accepting = match (registration, &caller.person) {
        (Some(registration), None) => register(service, &row, registration).await?,
        (None, Some(_)) => {
            let user = signed_in(service, caller, &row).await?;
            require_second_factor(service, &row, &user).await?;
            Accepting { user, proof: Proof::Link, enrollment_required: false }
        }
        (None, None) => return Err(Failure::TokenMissing.into()),
        (Some(_), Some(_)) => return Err(both_ways()),
    };
    Ok((row, accepting))
}

/// Whoever accepted may ask again.
fn require_acceptable(service: &Invitation, row: &Model) -> Result<(), Error> {
    if row.state == State::Accepted { Ok(()) } else { row.require_pending(service.clock.now()) }
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
) -> Result<Accepting, Error> {
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let request = CreateUserRequest {
        email: row.email.clone(),
        full_name: registration.full_name,
        password: registration.password,
        terms_version: registration.terms_version,
        locale: Some(registration.locale).filter(|it| !it.is_empty()).unwrap_or_else(|| row.locale.clone()),
        request_id: row.id.to_string(),
        community_names: offer::community_names(service, &grants).await?,
        expected_memberships: grants.iter().map(|grant| grant.expected_membership(row.name().root)).collect(),
    };
    match service.identity.clone().create_user(request).await {
        Ok(response) => {
            let CreateUserResponse { user, enrollment_required, .. } = response.into_inner();
            Ok(Accepting { user: user.unwrap_or_default(), proof: Proof::Registration, enrollment_required })
        }
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

/// Refuses a person without a second factor if a community asks for one. Who has what it takes is asked for it from now on.
async fn require_second_factor(service: &Invitation, row: &Model, user: &User) -> Result<(), Error> {
    if row.state == State::Accepted {
        return Ok(());
    }
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    let request = ExpectMembershipsRequest {
        user: user.name.clone(),
        memberships: grants.iter().map(|grant| grant.expected_membership(row.name().root)).collect(),
    };
    let answer = service.identity.clone().expect_memberships(request).await;
    let answer = answer.map_err(|status| Failure::from_neighbour("identity", status))?.into_inner();
    if answer.enrollment_required { Err(Error::MfaRequired) } else { Ok(()) }
}

/// The signed-in person, if the invitation is his.
async fn signed_in(service: &Invitation, caller: &Caller, row: &Model) -> Result<User, Error> {
    let person = Invitee::of(service, caller).await?;
    if !person.is_invited_by(row) {
        let invited: EmailAddress = row.email.parse().map_err(Failure::internal)?;
        return Err(Error::EmailMismatch { invited_email: invited.masked() });
    }
    person.require_verified()?;
    Ok(person.account)
}

/// Makes whoever consents the one who accepts. Of several at the same moment one wins; the same person gets the same answer again.
async fn accept(service: &Invitation, caller: &Caller, id: Uuid, consent: &Consent) -> Result<Model, Error> {
    if let Some(claimed) = claim(service, caller, id, consent).await? {
        return settle(service, claimed).await;
    }
    let row = find(service, id).await?;
    let UserName(invitee) = consent.invitee;
    let mine = row.invitee_id == Some(invitee);
    // Somebody else's acceptance is under way, or an earlier one of the same person.
    let row = if mine { settle(service, row).await? } else { settle_first(service, row).await? };
    if row.state == State::Accepted && row.invitee_id == Some(invitee) {
        return Ok(row);
    }
    row.require_pending(service.clock.now())?;
    // Pending after all: what was in the way is gone, and the client may simply try again.
    Err(Failure::ConcurrentChange.into())
}
