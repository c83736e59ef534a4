use prost_types::Duration;
use sandbox::until;
use tonic::Code;
use usher_api::community::{CommunitySettings, PersonalMessages};
use usher_api::invitation::{
    InvitationState, ResendInvitationRequest, ResendInvitationResponse, RevokeInvitationRequest,
};

use crate::support::acts::set_community;
use crate::support::mail::arrived;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, expired, grant, invite, managed, member, offer, token};
use crate::support::{address, request_id};

fn request(name: &str) -> ResendInvitationRequest {
    ResendInvitationRequest {
        name: name.to_owned(),
        request_id: request_id(),
        ..ResendInvitationRequest::default()
    }
}

async fn resend(
    person: &Person,
    request: ResendInvitationRequest,
) -> Result<ResendInvitationResponse, tonic::Status> {
    person.caller.invitation().resend_invitation(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn mails_again_and_earlier_links_keep_working() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let mut first = offer(&community, &guest.email, vec![grant(&community, &["guest"])]);
    first.notify = None;
    let answer = admin.caller.invitation().create_invitation(first).await.unwrap().into_inner();
    let invitation = answer.invitation.unwrap();
    let early = arrived(&guest.email, 1).await.remove(0);
    let resent = resend(&admin, request(&invitation.name)).await.unwrap().invitation.unwrap();
    assert_eq!((resent.send_count, resent.state()), (2, InvitationState::Pending));
    assert!(resent.expire_time.unwrap().seconds >= invitation.expire_time.unwrap().seconds);
    let mails = arrived(&guest.email, 2).await;
    assert_ne!(mails[0].token(), mails[1].token());
    accept(&guest, &early.token()).await.unwrap();
}

#[tokio::test]
async fn rotating_kills_earlier_links() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let early = token(&admin, &invitation.name).await;
    resend(&admin, ResendInvitationRequest { rotate_token: true, ..request(&invitation.name) })
        .await
        .unwrap();
    refused(accept(&guest, &early).await, Code::NotFound, "INVITATION_NOT_FOUND");
    let late = arrived(&guest.email, 1).await.remove(0).token();
    accept(&guest, &late).await.unwrap();
}

#[tokio::test]
async fn an_expired_invitation_is_pending_again() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let grants = vec![grant(&community, &["guest"])];
    let (name, token) = expired(&admin, &community, &guest.email, grants).await;
    refused(accept(&guest, &token).await, Code::FailedPrecondition, "INVITATION_EXPIRED");
    let again = resend(&admin, request(&name)).await.unwrap().invitation.unwrap();
    assert_eq!(again.state(), InvitationState::Pending);
    accept(&guest, &token).await.unwrap();
}

#[tokio::test]
async fn an_expired_invitation_yields_to_a_newer_one() {
    let admin = admin().await;
    let (community, email) = (managed(&admin).await, address("guest"));
    let mut short = offer(&community, &email, vec![grant(&community, &["guest"])]);
    short.ttl = Some(Duration { seconds: 1, nanos: 0 });
    let answer = admin.caller.invitation().create_invitation(short).await.unwrap().into_inner();
    let old = answer.invitation.unwrap().name;
    let newer = until("a newer invitation is possible", || async {
        let again = offer(&community, &email, vec![grant(&community, &["guest"])]);
        let answer = admin.caller.invitation().create_invitation(again).await.ok()?;
        answer.into_inner().invitation
    })
    .await;
    let metadata =
        refused(resend(&admin, request(&old)).await, Code::AlreadyExists, "INVITATION_ALREADY_PENDING");
    assert_eq!(metadata["invitation"], newer.name);
}

#[tokio::test]
async fn ended_invitations_cannot_be_sent_again() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let accepted = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    accept(&guest, &token(&admin, &accepted.name).await).await.unwrap();
    let answer = resend(&admin, request(&accepted.name)).await;
    refused(answer, Code::FailedPrecondition, "INVITATION_ALREADY_ACCEPTED");
    let revoked = invite(&admin, &community, &address("other"), vec![grant(&community, &["guest"])]).await;
    let revocation =
        RevokeInvitationRequest { name: revoked.name.clone(), ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(revocation).await.unwrap();
    refused(resend(&admin, request(&revoked.name)).await, Code::FailedPrecondition, "INVITATION_REVOKED");
}

#[tokio::test]
async fn whoever_sends_again_must_hold_what_is_offered() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let manager = member(&admin, &community, &community, &["manage_member"]).await;
    let offered = invite(&admin, &community, &address("guest"), vec![grant(&community, &["admin"])]).await;
    refused(resend(&manager, request(&offered.name)).await, Code::PermissionDenied, "ROLE_EXCEEDS_AUTHORITY");
    let analyst = member(&admin, &community, &community, &["analyst"]).await;
    refused(resend(&analyst, request(&offered.name)).await, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_repeated_request_sends_once() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let request = request(&invitation.name);
    let first = resend(&admin, request.clone()).await.unwrap();
    assert_eq!(resend(&admin, request).await.unwrap(), first);
    assert_eq!(first.invitation.unwrap().send_count, 1);
}

#[tokio::test]
async fn bad_fields_and_stale_etags_are_refused() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let bad = ResendInvitationRequest {
        ttl: Some(Duration { seconds: -1, nanos: 0 }),
        request_id: "x".to_owned(),
        ..request(&invitation.name)
    };
    refused_fields(resend(&admin, bad).await, &["ttl", "request_id"]);
    let stale = ResendInvitationRequest { etag: "stale".to_owned(), ..request(&invitation.name) };
    refused(resend(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH");
}

#[tokio::test]
async fn looking_tells_what_would_be_sent_and_sends_nothing() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    let manager = member(&admin, &community, &community, &["manage_member"]).await;
    let (name, _) = expired(&admin, &community, &email, vec![grant(&community, &["guest"])]).await;
    let look = async |person: &Person, request: ResendInvitationRequest| {
        let answer =
            resend(person, ResendInvitationRequest { validate_only: true, ..request }).await.unwrap();
        assert!(answer.invitation.is_none());
        answer.preview.unwrap()
    };
    let ttl = Some(Duration { seconds: 7_200, nanos: 0 });
    let preview = look(&manager, ResendInvitationRequest { ttl, ..request(&name) }).await;
    assert!(preview.refusals.is_empty(), "{preview:?}");
    assert_eq!(preview.grants[0].grant.as_ref().unwrap().community, community);
    let offer = preview.mail.unwrap().offer.unwrap();
    assert_eq!((offer.email, offer.inviter_name.as_str()), (email.clone(), "Mira Okafor"));
    assert_eq!(offer.expire_time, preview.expire_time);

    // It is as it was: what comes next is in nobody's way, and then it is.
    let newer = invite(&admin, &community, &email, vec![grant(&community, &["guest"])]).await.name;
    let preview =
        look(&manager, ResendInvitationRequest { etag: "stale".to_owned(), ..request(&name) }).await;
    let reasons: Vec<&str> = preview.refusals.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["ETAG_MISMATCH", "INVITATION_ALREADY_PENDING"]);
    assert_eq!(preview.refusals[1].metadata["invitation"], newer);
}

#[tokio::test]
async fn words_that_are_not_allowed_any_more_are_not_sent_again() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let let_messages = async |messages: PersonalMessages| {
        let settings =
            CommunitySettings { personal_messages: messages.into(), ..CommunitySettings::default() };
        set_community(&admin, &community, settings).await;
    };
    let_messages(PersonalMessages::Allowed).await;
    let mut first = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    first.invitation.as_mut().unwrap().message = "Welcome!".to_owned();
    let answer = admin.caller.invitation().create_invitation(first).await.unwrap().into_inner();
    let name = answer.invitation.unwrap().name;
    let_messages(PersonalMessages::Forbidden).await;
    let answer = resend(&admin, request(&name)).await;
    refused(answer, Code::FailedPrecondition, "MESSAGE_NOT_ALLOWED");
}
