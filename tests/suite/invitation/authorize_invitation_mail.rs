use std::time::{Duration, Instant};

use futures::future::join_all;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::invitation::{
    AuthorizeInvitationMailRequest, BatchMintInvitationLinksRequest, BatchRevokeInvitationsRequest,
    DeclineInvitationRequest, RevokeInvitationRequest,
};
use uuid::Uuid;

use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, expired, grant, invite, managed, token};
use crate::support::{address, request_id};

async fn authorize(caller: &Caller, name: &str) -> Result<Duration, Status> {
    let request = AuthorizeInvitationMailRequest { name: name.to_owned() };
    let answer = caller.invitation().authorize_invitation_mail(request).await?.into_inner();
    Ok(answer.lifetime.unwrap().try_into().unwrap())
}

/// Links for the mails of `name`, and for how long those may begin to leave.
async fn mint(caller: &Caller, name: &str) -> Duration {
    let request = BatchMintInvitationLinksRequest { names: vec![name.to_owned()] };
    let answer = caller.invitation().batch_mint_invitation_links(request).await.unwrap().into_inner();
    answer.mail_lifetime.unwrap().try_into().unwrap()
}

/// Revokes `name`, and returns when that was answered.
async fn revoke(admin: &Person, name: &str, request_id: &str) -> Instant {
    let request = RevokeInvitationRequest {
        name: name.to_owned(),
        request_id: request_id.to_owned(),
        ..RevokeInvitationRequest::default()
    };
    admin.caller.invitation().revoke_invitation(request).await.unwrap();
    Instant::now()
}

#[tokio::test]
async fn a_revocation_is_answered_when_no_mail_can_begin_to_leave_any_more() {
    let admin = admin().await;
    let (community, notifier) = (managed(&admin).await, admin.caller.service("notifier"));
    let pending = async || {
        let guest = vec![grant(&community, &["guest"])];
        invite(&admin, &community, &address("guest"), guest).await.name
    };
    let name = pending().await;
    let (asked, lifetime) = (Instant::now(), authorize(&notifier, &name).await.unwrap());
    assert!(lifetime > Duration::ZERO);
    // Whoever repeats the request, as the answer does not come, is not answered sooner.
    let id = request_id();
    let (answered, repeated) = tokio::join!(revoke(&admin, &name, &id), revoke(&admin, &name, &id));
    assert!(answered.min(repeated) >= asked + lifetime, "{:?} of {lifetime:?}", answered - asked);

    // Nor is who revokes what somebody else is just revoking.
    let name = pending().await;
    let (asked, lifetime) = (Instant::now(), authorize(&notifier, &name).await.unwrap());
    let request = RevokeInvitationRequest { name: name.clone(), ..RevokeInvitationRequest::default() };
    let both = [request.clone(), request].map(|request| async {
        let revoked = admin.caller.invitation().revoke_invitation(request).await;
        (revoked, Instant::now())
    });
    let answers = join_all(both).await;
    assert!(answers.iter().all(|(_, answered)| *answered >= asked + lifetime));
    let mut refusals = answers.into_iter().map(|(revoked, _)| revoked).filter(Result::is_err);
    refused(refusals.next().unwrap(), Code::FailedPrecondition, "INVITATION_REVOKED");

    let name = pending().await;
    let (asked, lifetime) = (Instant::now(), mint(&notifier, &name).await);
    assert!(lifetime > Duration::ZERO && revoke(&admin, &name, &request_id()).await >= asked + lifetime);

    let name = pending().await;
    let (asked, lifetime) = (Instant::now(), authorize(&notifier, &name).await.unwrap());
    let request = BatchRevokeInvitationsRequest { parent: community.clone(), ..Default::default() };
    let answer = admin.caller.invitation().batch_revoke_invitations(request).await.unwrap().into_inner();
    assert!(answer.revoked == [name] && asked.elapsed() >= lifetime);
}

#[tokio::test]
async fn only_mails_about_pending_invitations_may_leave() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (community, notifier) = (managed(&admin).await, admin.caller.service("notifier"));
    let role = || vec![grant(&community, &["guest"])];
    let accepted = invite(&admin, &community, &guest.email, role()).await.name;
    accept(&guest, &token(&admin, &accepted).await).await.unwrap();
    let revoked = invite(&admin, &community, &address("guest"), role()).await.name;
    revoke(&admin, &revoked, &request_id()).await;
    let declined = invite(&admin, &community, &address("guest"), role()).await.name;
    let token = token(&admin, &declined).await;
    let request = DeclineInvitationRequest { token, ..DeclineInvitationRequest::default() };
    guest.caller.invitation().decline_invitation(request).await.unwrap();
    let (late, _) = expired(&admin, &community, &address("guest"), role()).await;
    for (name, reason) in [
        (accepted, "INVITATION_ALREADY_ACCEPTED"),
        (revoked, "INVITATION_REVOKED"),
        (declined, "INVITATION_DECLINED"),
        (late, "INVITATION_EXPIRED"),
    ] {
        refused(authorize(&notifier, &name).await, Code::FailedPrecondition, reason);
    }
}

#[tokio::test]
async fn is_for_the_notifier_alone_and_needs_an_invitation() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let missing = format!("{community}/invitations/{}", Uuid::new_v4());
    for caller in [admin.caller.clone(), admin.caller.service("alerts")] {
        refused(authorize(&caller, &missing).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let notifier = admin.caller.service("notifier");
    refused(authorize(&notifier, &missing).await, Code::NotFound, "INVITATION_NOT_FOUND");
    refused_fields(authorize(&notifier, "x").await, &["name"]);
}
