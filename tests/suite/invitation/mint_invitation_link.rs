use tonic::Code;
use usher_api::invitation::MintInvitationLinkRequest;
use uuid::Uuid;

use crate::support::address;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, invite, managed, token};

#[tokio::test]
async fn every_link_is_another() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let request = MintInvitationLinkRequest { name: invitation.name.clone() };
    let answer = admin
        .caller
        .service("notifier")
        .invitation()
        .mint_invitation_link(request)
        .await
        .unwrap()
        .into_inner();
    assert!(answer.link.starts_with("https://usher.test/join/usher_inv_"));
    assert_eq!(answer.offer.unwrap().email, invitation.email);
    assert_ne!(token(&admin, &invitation.name).await, token(&admin, &invitation.name).await);
}

#[tokio::test]
async fn is_for_the_notifier_alone() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    for caller in [admin.caller.clone(), admin.caller.service("alerts"), admin.caller.service("community")] {
        let request = MintInvitationLinkRequest { name: invitation.name.clone() };
        let answer = caller.invitation().mint_invitation_link(request).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn needs_an_invitation() {
    let admin = admin().await;
    let notifier = admin.caller.service("notifier");
    let community = managed(&admin).await;
    let missing = MintInvitationLinkRequest { name: format!("{community}/invitations/{}", Uuid::new_v4()) };
    refused(
        notifier.invitation().mint_invitation_link(missing).await,
        Code::NotFound,
        "INVITATION_NOT_FOUND",
    );
    let malformed = MintInvitationLinkRequest { name: "x".to_owned() };
    refused_fields(notifier.invitation().mint_invitation_link(malformed).await, &["name"]);
}
