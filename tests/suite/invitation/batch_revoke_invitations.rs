use std::collections::BTreeSet;

use tonic::{Code, Status};
use usher_api::invitation::{
    BatchRevokeInvitationsRequest, BatchRevokeInvitationsResponse, GetInvitationRequest, InvitationState,
    RevokeReason, TimeRange,
};

use super::told;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, grant, invite, link_token, managed, member, mssp, token};
use crate::support::{address, request_id};

fn request(root: &str) -> BatchRevokeInvitationsRequest {
    BatchRevokeInvitationsRequest {
        parent: root.to_owned(),
        request_id: request_id(),
        ..BatchRevokeInvitationsRequest::default()
    }
}

async fn revoke(
    person: &Person,
    request: BatchRevokeInvitationsRequest,
) -> Result<BatchRevokeInvitationsResponse, Status> {
    person.caller.invitation().batch_revoke_invitations(request).await.map(tonic::Response::into_inner)
}

async fn state(person: &Person, name: &str) -> (InvitationState, RevokeReason) {
    let request = GetInvitationRequest { name: name.to_owned() };
    let answer = person.caller.invitation().get_invitation(request).await.unwrap().into_inner();
    let invitation = answer.invitation.unwrap();
    (invitation.state(), invitation.revoke_reason())
}

async fn invite_somebody(inviter: &Person, root: &str, community: &str) -> String {
    invite(inviter, root, &address("guest"), vec![grant(community, &["guest"])]).await.name
}

fn names(names: &[String]) -> BTreeSet<&String> {
    names.iter().collect()
}

#[tokio::test]
async fn what_the_filter_describes_is_revoked_and_nothing_else() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let manager = member(&admin, &tree.root, one, &["manage_member"]).await;
    let by_manager = invite_somebody(&manager, &tree.root, one).await;
    let again = invite_somebody(&manager, &tree.root, one).await;
    let by_admin = invite_somebody(&admin, &tree.root, one).await;
    let elsewhere = invite_somebody(&admin, &tree.root, two).await;

    let of_manager =
        || BatchRevokeInvitationsRequest { inviter: manager.name.clone(), ..request(&tree.root) };
    let trial = BatchRevokeInvitationsRequest { validate_only: true, ..of_manager() };
    let would_be = revoke(&admin, trial).await.unwrap();
    assert_eq!(names(&would_be.revoked), [&by_manager, &again].into());
    assert_eq!(state(&admin, &by_manager).await.0, InvitationState::Pending);
    assert_eq!(told(&by_manager).await, ["invitation.created"]);

    let answer = revoke(&admin, of_manager()).await.unwrap();
    assert_eq!(answer, BatchRevokeInvitationsResponse { ..would_be });
    for name in [&by_manager, &again] {
        assert_eq!(state(&admin, name).await, (InvitationState::Revoked, RevokeReason::Requested));
        assert_eq!(told(name).await, ["invitation.created", "invitation.revoked"]);
        refused(link_token(&admin, name).await, Code::FailedPrecondition, "INVITATION_REVOKED");
    }
    let inside = BatchRevokeInvitationsRequest { community: one.clone(), ..request(&tree.root) };
    assert_eq!(revoke(&admin, inside).await.unwrap().revoked, [by_admin]);
    assert_eq!(state(&admin, &elsewhere).await.0, InvitationState::Pending);
    assert_eq!(revoke(&admin, request(&tree.root)).await.unwrap().revoked, [elsewhere]);
}

#[tokio::test]
async fn what_the_caller_may_not_revoke_is_passed_over_and_named() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (one, two) = (&tree.inside[0], &tree.inside[1]);
    let manager = member(&admin, &tree.root, one, &["manage_member"]).await;
    let mine = invite_somebody(&admin, &tree.root, one).await;
    let both = vec![grant(one, &["guest"]), grant(two, &["guest"])];
    let shared = invite(&admin, &tree.root, &address("guest"), both).await.name;
    refused(revoke(&manager, request(&tree.root)).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let sibling = BatchRevokeInvitationsRequest { community: two.clone(), ..request(&tree.root) };
    refused(revoke(&manager, sibling).await, Code::PermissionDenied, "PERMISSION_DENIED");

    let inside = || BatchRevokeInvitationsRequest { community: one.clone(), ..request(&tree.root) };
    let answer = revoke(&manager, inside()).await.unwrap();
    assert_eq!((answer.revoked, answer.total_size), (vec![mine], 2));
    let [skipped] = <[_; 1]>::try_from(answer.skipped).unwrap();
    assert_eq!((skipped.invitation, skipped.reason.as_str()), (shared.clone(), "PERMISSION_DENIED"));
    assert_eq!(skipped.code, i32::from(Code::PermissionDenied));
    assert_eq!(&skipped.metadata["resource"], two);
    assert_eq!(state(&admin, &shared).await.0, InvitationState::Pending);
}

#[tokio::test]
async fn what_has_ended_is_not_looked_at() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let accepted = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await.name;
    accept(&guest, &token(&admin, &accepted).await).await.unwrap();
    let answer = revoke(&admin, request(&community)).await.unwrap();
    assert_eq!(answer, BatchRevokeInvitationsResponse::default());
    assert_eq!(state(&admin, &accepted).await.0, InvitationState::Accepted);
}

#[tokio::test]
async fn goes_on_page_by_page_and_a_repeated_request_revokes_nothing_more() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(invite_somebody(&admin, &community, &community).await);
    }
    let (mut revoked, mut page_token, mut left) = (Vec::new(), String::new(), 5);
    loop {
        let page = BatchRevokeInvitationsRequest { page_size: 2, page_token, ..request(&community) };
        let answer = revoke(&admin, page.clone()).await.unwrap();
        assert_eq!(revoke(&admin, page).await.unwrap(), answer);
        assert_eq!(answer.total_size, left);
        left -= i32::try_from(answer.revoked.len()).unwrap();
        revoked.extend(answer.revoked);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((names(&revoked), left), (names(&made), 0));
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let moment = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let bad = BatchRevokeInvitationsRequest {
        parent: "x".to_owned(),
        email: "nobody".to_owned(),
        risks: vec![0],
        create_time: Some(TimeRange { start_time: moment(2), end_time: moment(1) }),
        page_size: -1,
        request_id: "x".to_owned(),
        ..BatchRevokeInvitationsRequest::default()
    };
    let fields = ["parent", "email", "risks[0]", "create_time", "page_size", "request_id"];
    refused_fields(revoke(&admin, bad).await, &fields);
}
