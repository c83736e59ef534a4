use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::invitation::{
    DeclineInvitationRequest, Invitation, InvitationState, ResendInvitationRequest,
    ResolveInvitationTokenRequest, RevokeInvitationRequest,
};
use uuid::Uuid;

use super::told;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::unprove_mailbox;
use crate::support::tree::{accept, expired, grant, invite, link_token, managed, token};

fn by_token(token: &str) -> DeclineInvitationRequest {
    DeclineInvitationRequest { token: token.to_owned(), ..DeclineInvitationRequest::default() }
}

fn by_name(name: &str) -> DeclineInvitationRequest {
    DeclineInvitationRequest { name: name.to_owned(), ..DeclineInvitationRequest::default() }
}

async fn decline(caller: &Caller, request: DeclineInvitationRequest) -> Result<Invitation, Status> {
    let answer = caller.invitation().decline_invitation(request).await?;
    Ok(answer.into_inner().invitation.unwrap_or_default())
}

/// An invitation of `email` into a community of its own, by the platform administrator.
async fn invited(admin: &Person, email: &str) -> (Invitation, String) {
    let community = managed(admin).await;
    (invite(admin, &community, email, vec![grant(&community, &["guest"])]).await, community)
}

#[tokio::test]
async fn whoever_holds_the_link_declines_without_an_account() {
    let admin = admin().await;
    let (invitation, _) = invited(&admin, &address("guest")).await;
    let token = token(&admin, &invitation.name).await;
    let declined = decline(&Caller::nobody(), by_token(&token)).await.unwrap();
    assert_eq!(declined.state(), InvitationState::Declined);
    assert!(declined.decline_time.is_some() && declined.etag != invitation.etag);
    assert_eq!(decline(&Caller::nobody(), by_token(&token)).await.unwrap(), declined);
    assert_eq!(told(&invitation.name).await, ["invitation.created", "invitation.declined"]);
}

#[tokio::test]
async fn the_invited_person_declines_by_name() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (invitation, _) = invited(&admin, &guest.email.to_uppercase()).await;
    let declined = decline(&guest.caller, by_name(&invitation.name)).await.unwrap();
    assert_eq!(declined.state(), InvitationState::Declined);
    assert_eq!(decline(&guest.caller, by_name(&invitation.name)).await.unwrap(), declined);
}

#[tokio::test]
async fn others_do_not_learn_by_name_that_there_is_an_invitation() {
    let (admin, other) = (admin().await, Person::new("other").await);
    let (invitation, community) = invited(&admin, &address("guest")).await;
    let unknown = format!("{community}/invitations/{}", Uuid::new_v4());
    for name in [invitation.name.clone(), unknown] {
        let answer = decline(&other.caller, by_name(&name)).await;
        assert!(refused(answer, Code::NotFound, "INVITATION_NOT_FOUND").is_empty());
    }
    let elsewhere = managed(&admin).await;
    let under_another = invitation.name.replace(&community, &elsewhere);
    refused(decline(&other.caller, by_name(&under_another)).await, Code::NotFound, "INVITATION_NOT_FOUND");
    let nobody = decline(&Caller::nobody(), by_name(&invitation.name)).await;
    refused(nobody, Code::Unauthenticated, "TOKEN_MISSING");
    assert_eq!(decline(&other.caller, by_token("usher_inv_x")).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn an_address_that_is_not_proven_declines_nothing_by_name() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (invitation, _) = invited(&admin, &guest.email).await;
    unprove_mailbox(&guest.name).await;
    let answer = decline(&guest.caller, by_name(&invitation.name)).await;
    refused(answer, Code::FailedPrecondition, "EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn a_declined_invitation_is_over_and_says_so() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (invitation, _) = invited(&admin, &guest.email).await;
    let name = invitation.name;
    let token = token(&admin, &name).await;
    decline(&guest.caller, by_token(&token)).await.unwrap();

    let declined = |answer| {
        let metadata = refused(answer, Code::FailedPrecondition, "INVITATION_DECLINED");
        assert_eq!(metadata["invitation"], name);
    };
    declined(accept(&guest, &token).await.map(|_| ()));
    declined(link_token(&admin, &name).await.map(|_| ()));
    let resolve = ResolveInvitationTokenRequest { token };
    declined(guest.caller.invitation().resolve_invitation_token(resolve).await.map(|_| ()));
    let resend = ResendInvitationRequest { name: name.clone(), ..ResendInvitationRequest::default() };
    declined(admin.caller.invitation().resend_invitation(resend).await.map(|_| ()));
    let revoke = RevokeInvitationRequest { name: name.clone(), ..RevokeInvitationRequest::default() };
    declined(admin.caller.invitation().revoke_invitation(revoke).await.map(|_| ()));
}

#[tokio::test]
async fn a_declined_invitation_blocks_no_new_one() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (invitation, community) = invited(&admin, &guest.email).await;
    decline(&guest.caller, by_name(&invitation.name)).await.unwrap();
    let again = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    accept(&guest, &token(&admin, &again.name).await).await.unwrap();
}

#[tokio::test]
async fn what_has_ended_cannot_be_declined() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let (accepted, community) = invited(&admin, &guest.email).await;
    let link = token(&admin, &accepted.name).await;
    accept(&guest, &link).await.unwrap();
    let answer = decline(&guest.caller, by_token(&link)).await;
    refused(answer, Code::FailedPrecondition, "INVITATION_ALREADY_ACCEPTED");

    let grants = vec![grant(&community, &["guest"])];
    let (_, late) = expired(&admin, &community, &address("late"), grants).await;
    refused(
        decline(&Caller::nobody(), by_token(&late)).await,
        Code::FailedPrecondition,
        "INVITATION_EXPIRED",
    );

    let (revoked, _) = invited(&admin, &guest.email).await;
    let revocation =
        RevokeInvitationRequest { name: revoked.name.clone(), ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(revocation).await.unwrap();
    let answer = decline(&guest.caller, by_name(&revoked.name)).await;
    refused(answer, Code::FailedPrecondition, "INVITATION_REVOKED");
}

#[tokio::test]
async fn an_invitation_is_named_in_one_way() {
    let guest = Person::new("guest").await;
    refused_fields(decline(&guest.caller, DeclineInvitationRequest::default()).await, &["name"]);
    let both = DeclineInvitationRequest { name: "x".to_owned(), ..by_token("y") };
    refused_fields(decline(&guest.caller, both).await, &["name", "token"]);
}
