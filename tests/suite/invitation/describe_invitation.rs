use tonic::Code;
use usher_api::invitation::{DeliveryState, DescribeInvitationRequest, RevokeInvitationRequest};
use uuid::Uuid;

use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, grant, invite, managed, token};
use crate::support::{address, request_id};

#[tokio::test]
async fn tells_what_became_of_it_also_when_it_has_ended() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let notifier = admin.caller.service("notifier");
    let describe = async |name: &str| {
        let request = DescribeInvitationRequest { name: name.to_owned() };
        notifier.invitation().describe_invitation(request).await.unwrap().into_inner()
    };
    let accepted = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await.name;
    let pending = describe(&accepted).await;
    assert!(pending.pending && pending.invitee.is_empty() && pending.inviter == admin.name);
    assert_eq!(pending.delivery_state(), DeliveryState::Skipped);
    assert_eq!(pending.offer.unwrap().communities[0].community, community);
    accept(&guest, &token(&admin, &accepted).await).await.unwrap();
    let ended = describe(&accepted).await;
    assert!(!ended.pending && ended.invitee == guest.name);

    let revoked =
        invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await.name;
    let request = RevokeInvitationRequest {
        name: revoked.clone(),
        request_id: request_id(),
        ..RevokeInvitationRequest::default()
    };
    admin.caller.invitation().revoke_invitation(request).await.unwrap();
    assert!(!describe(&revoked).await.pending);
}

#[tokio::test]
async fn is_for_the_notifier_alone_and_needs_an_invitation() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let missing = DescribeInvitationRequest { name: format!("{community}/invitations/{}", Uuid::new_v4()) };
    for caller in [admin.caller.clone(), admin.caller.service("alerts")] {
        let answer = caller.invitation().describe_invitation(missing.clone()).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let notifier = admin.caller.service("notifier");
    let answer = notifier.invitation().describe_invitation(missing).await;
    refused(answer, Code::NotFound, "INVITATION_NOT_FOUND");
    let malformed = DescribeInvitationRequest { name: "x".to_owned() };
    refused_fields(notifier.invitation().describe_invitation(malformed).await, &["name"]);
}
