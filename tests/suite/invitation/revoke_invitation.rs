use tonic::Code;
use usher_api::invitation::{
    InvitationState, RevokeInvitationRequest, RevokeInvitationResponse, RevokeReason,
};

use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, allowed, grant, invite, link_token, managed, member, mssp, token};
use crate::support::{address, request_id};

fn request(name: &str) -> RevokeInvitationRequest {
    RevokeInvitationRequest { name: name.to_owned(), etag: String::new(), request_id: request_id() }
}

async fn revoke(
    person: &Person,
    request: RevokeInvitationRequest,
) -> Result<RevokeInvitationResponse, tonic::Status> {
    person.caller.invitation().revoke_invitation(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_revoked_invitation_lets_nobody_in() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    let revoked = revoke(&admin, request(&invitation.name)).await.unwrap().invitation.unwrap();
    assert_eq!(revoked.state(), InvitationState::Revoked);
    assert_eq!(revoked.revoke_reason(), RevokeReason::Requested);
    assert!(revoked.revoke_time.is_some() && revoked.etag != invitation.etag);

    let metadata = refused(accept(&guest, &token).await, Code::FailedPrecondition, "INVITATION_REVOKED");
    assert_eq!(metadata["invitation"], invitation.name);
    let mail = link_token(&admin, &invitation.name).await;
    refused(mail, Code::FailedPrecondition, "INVITATION_REVOKED");
    assert!(!allowed(&guest, &community, "communities.get").await);
    invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
}

#[tokio::test]
async fn ended_invitations_cannot_be_revoked() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();
    let answer = revoke(&admin, request(&invitation.name)).await;
    refused(answer, Code::FailedPrecondition, "INVITATION_ALREADY_ACCEPTED");

    let other = invite(&admin, &community, &address("other"), vec![grant(&community, &["guest"])]).await;
    revoke(&admin, request(&other.name)).await.unwrap();
    refused(revoke(&admin, request(&other.name)).await, Code::FailedPrecondition, "INVITATION_REVOKED");
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let request = request(&invitation.name);
    assert_eq!(revoke(&admin, request.clone()).await.unwrap(), revoke(&admin, request).await.unwrap());
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let stale = RevokeInvitationRequest { etag: "stale".to_owned(), ..request(&invitation.name) };
    refused(revoke(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH");
    let fresh = RevokeInvitationRequest { etag: invitation.etag, ..request(&invitation.name) };
    revoke(&admin, fresh).await.unwrap();
}

#[tokio::test]
async fn authority_over_one_community_does_not_revoke_an_invitation_into_two() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let manager = member(&admin, &tree.root, &tree.inside[0], &["manage_member"]).await;
    let both = vec![grant(&tree.inside[0], &["guest"]), grant(&tree.inside[1], &["guest"])];
    let invitation = invite(&admin, &tree.root, &address("guest"), both).await;
    let metadata = refused(
        revoke(&manager, request(&invitation.name)).await,
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    assert_eq!(
        (metadata["permission"].as_str(), &metadata["resource"]),
        ("invitations.revoke", &tree.inside[1])
    );
}

#[tokio::test]
async fn names_and_request_ids_must_be_well_formed() {
    let admin = admin().await;
    refused_fields(revoke(&admin, request("invitations/1")).await, &["name"]);
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let bad = RevokeInvitationRequest { request_id: "x".to_owned(), ..request(&invitation.name) };
    refused_fields(revoke(&admin, bad).await, &["request_id"]);
}
