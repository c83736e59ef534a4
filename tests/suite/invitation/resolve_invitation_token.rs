use sandbox::Caller;
use tonic::Code;
use usher_api::invitation::{
    GetInvitationRequest, ResolveInvitationTokenRequest, ResolveInvitationTokenResponse,
    RevokeInvitationRequest,
};

use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{grant, invite, managed, mssp, token};

async fn resolve(token: &str) -> Result<ResolveInvitationTokenResponse, tonic::Status> {
    let request = ResolveInvitationTokenRequest { token: token.to_owned() };
    let answer = Caller::nobody().invitation().resolve_invitation_token(request).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn tells_what_is_offered_in_words() {
    let admin = admin().await;
    let (tree, email) = (mssp(&admin, 2).await, address("guest"));
    let both = vec![grant(&tree.inside[1], &["guest", "analyst"]), grant(&tree.inside[0], &["guest"])];
    let invitation = invite(&admin, &tree.root, &email, both).await;
    let answer = resolve(&token(&admin, &invitation.name).await).await.unwrap();
    let offer = answer.offer.unwrap();
    assert!(!answer.account_exists);
    assert_eq!((offer.email.as_str(), offer.inviter_name.as_str()), (email.as_str(), "Ada Admin"));
    let communities: Vec<_> = offer.communities.iter().map(|it| it.community.as_str()).collect();
    assert_eq!(communities, [tree.inside[1].as_str(), &tree.inside[0]]);
    assert_eq!(offer.communities[0].roles, ["Guest", "Analyst"]);
    assert!(offer.communities.iter().all(|it| it.display_name.starts_with("Community ")));
}

#[tokio::test]
async fn tells_whether_the_person_signs_in_or_registers() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let invitation =
        invite(&admin, &community, &guest.email.to_uppercase(), vec![grant(&community, &["guest"])]).await;
    assert!(resolve(&token(&admin, &invitation.name).await).await.unwrap().account_exists);
}

#[tokio::test]
async fn opening_a_link_changes_nothing_however_often() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    for _ in 0..5 {
        resolve(&token).await.unwrap();
    }
    let request = GetInvitationRequest { name: invitation.name.clone() };
    let seen = admin.caller.invitation().get_invitation(request).await.unwrap().into_inner();
    assert_eq!(seen.invitation.unwrap(), invitation);
}

#[tokio::test]
async fn unknown_and_malformed_tokens_get_one_answer() {
    let unknown = format!("usher_inv_{}", "A".repeat(43));
    for token in ["", "x", "usher_inv_", unknown.as_str(), "usher_rt_AAAA"] {
        refused(resolve(token).await, Code::NotFound, "INVITATION_NOT_FOUND");
    }
}

#[tokio::test]
async fn tells_that_an_invitation_was_revoked() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    let token = token(&admin, &invitation.name).await;
    let request = RevokeInvitationRequest { name: invitation.name, ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(request).await.unwrap();
    refused(resolve(&token).await, Code::FailedPrecondition, "INVITATION_REVOKED");
}
