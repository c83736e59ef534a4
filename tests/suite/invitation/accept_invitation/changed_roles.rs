//! Roles that do not hold what they held when they were offered.

use tonic::{Code, Status};
use usher_api::community::{GrantOutcome, RoleDrift};
use usher_api::invitation::{
    AcceptInvitationRequest, GetInvitationRequest, Invitation, ResendInvitationRequest,
};

use crate::support::acts::{choose, set_permissions};
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{accept, allowed, grant, invite, managed, role, token};

/// Has `guest` accept signed in, agreeing to what the fingerprint stands for.
pub(super) async fn confirm(guest: &Person, token: &str, fingerprint: &str) -> Result<Invitation, Status> {
    let request = AcceptInvitationRequest {
        token: token.to_owned(),
        confirmed_fingerprint: fingerprint.to_owned(),
        ..AcceptInvitationRequest::default()
    };
    let answer = guest.caller.invitation().accept_invitation(request).await?;
    Ok(answer.into_inner().invitation.expect("it comes"))
}

#[tokio::test]
async fn a_role_that_gained_something_is_given_to_whoever_agrees() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let role = role(&admin, &community, &["communities.get", "roles.list"]).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &[&role])]).await;
    let token = token(&admin, &invitation.name).await;
    set_permissions(&admin, &role, &["communities.get", "members.list"]).await;
    let metadata =
        refused(accept(&guest, &token).await, Code::FailedPrecondition, "ROLE_CHANGE_NOT_CONFIRMED");
    let told = ["communities", "gained", "lost"].map(|key| metadata[key].as_str());
    assert_eq!(told, [&*community, "members.list", "roles.list"]);
    refused(confirm(&guest, &token, "0123").await, Code::FailedPrecondition, "ROLE_CHANGE_NOT_CONFIRMED");
    let request = GetInvitationRequest { name: invitation.name.clone() };
    let seen = admin.caller.invitation().get_invitation(request).await.unwrap().into_inner();
    assert_eq!(seen.invitation.unwrap(), invitation, "nothing happened to it");

    let accepted = confirm(&guest, &token, &metadata["fingerprint"]).await.unwrap();
    assert_eq!(accepted.grants[0].outcome(), GrantOutcome::Granted);
    assert!(allowed(&guest, &community, "members.list").await);
    assert_eq!(accept(&guest, &token).await.unwrap(), accepted, "who repeats need not agree again");
}

#[tokio::test]
async fn a_role_that_lost_something_is_given_as_it_is() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let role = role(&admin, &community, &["communities.get", "roles.list"]).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &[&role])]).await;
    set_permissions(&admin, &role, &["communities.get"]).await;
    accept(&guest, &token(&admin, &invitation.name).await).await.unwrap();
}

#[tokio::test]
async fn where_changed_roles_are_refused_the_invitation_must_be_sent_again() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    choose(&admin, &community, RoleDrift::Refuse).await;
    let role = role(&admin, &community, &["communities.get", "roles.list"]).await;
    let invitation = invite(&admin, &community, &guest.email, vec![grant(&community, &[&role])]).await;
    let token = token(&admin, &invitation.name).await;
    set_permissions(&admin, &role, &["communities.get"]).await;
    let metadata = refused(accept(&guest, &token).await, Code::FailedPrecondition, "ROLE_CHANGED");
    assert_eq!((metadata["lost"].as_str(), metadata.get("fingerprint")), ("roles.list", None));
    let again = ResendInvitationRequest { name: invitation.name, ..ResendInvitationRequest::default() };
    admin.caller.invitation().resend_invitation(again).await.unwrap();
    accept(&guest, &token).await.unwrap();
}
