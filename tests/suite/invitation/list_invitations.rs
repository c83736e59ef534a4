use std::collections::BTreeSet;

use tonic::Code;
use usher_api::invitation::{InvitationState, ListInvitationsRequest, ListInvitationsResponse};

use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, invite, managed, member, mssp};

fn request(root: &str) -> ListInvitationsRequest {
    ListInvitationsRequest { parent: root.to_owned(), ..ListInvitationsRequest::default() }
}

async fn list(
    person: &Person,
    request: ListInvitationsRequest,
) -> Result<ListInvitationsResponse, tonic::Status> {
    person.caller.invitation().list_invitations(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn pages_through_all_newest_first() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(
            invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await.name,
        );
    }
    made.reverse();
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(&admin, ListInvitationsRequest { page_size: 2, page_token, ..request(&community) })
            .await
            .unwrap();
        assert!(page.invitations.len() <= 2);
        seen.extend(page.invitations.into_iter().map(|invitation| invitation.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>(), made.iter().collect::<BTreeSet<_>>());
    assert_eq!(seen.len(), 5);
}

#[tokio::test]
async fn filters_by_community_state_and_address() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (ana, bo) = (address("ana"), address("bo"));
    let of_ana = invite(&admin, &tree.root, &ana, vec![grant(&tree.inside[0], &["guest"])]).await;
    let of_bo = invite(&admin, &tree.root, &bo, vec![grant(&tree.inside[1], &["guest"])]).await;
    let names = |filter| {
        let admin = admin.clone();
        async move {
            let page = list(&admin, filter).await.unwrap();
            page.invitations.into_iter().map(|invitation| invitation.name).collect::<Vec<_>>()
        }
    };
    let inside = ListInvitationsRequest { community: tree.inside[0].clone(), ..request(&tree.root) };
    assert_eq!(names(inside).await, [of_ana.name.clone()]);
    let to_bo = ListInvitationsRequest { email: bo.to_uppercase(), ..request(&tree.root) };
    assert_eq!(names(to_bo).await, [of_bo.name.clone()]);
    let pending =
        ListInvitationsRequest { states: vec![InvitationState::Pending.into()], ..request(&tree.root) };
    assert_eq!(names(pending).await.len(), 2);
    let ended = [InvitationState::Accepted.into(), InvitationState::Expired.into()];
    assert!(names(ListInvitationsRequest { states: ended.to_vec(), ..request(&tree.root) }).await.is_empty());
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_only() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    for _ in 0..2 {
        invite(&admin, &community, &address("guest"), vec![grant(&community, &["guest"])]).await;
    }
    let first = list(&admin, ListInvitationsRequest { page_size: 1, ..request(&community) }).await.unwrap();
    for page_token in [first.next_page_token.clone(), "forged".to_owned()] {
        let answer = list(&admin, ListInvitationsRequest { page_token, ..request(&other) }).await;
        refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad = ListInvitationsRequest {
        parent: "x".to_owned(),
        community: "y".to_owned(),
        states: vec![InvitationState::Pending.into(), 77, 0],
        email: "nobody".to_owned(),
        page_size: -1,
        page_token: String::new(),
    };
    refused_fields(
        list(&admin, bad).await,
        &["parent", "community", "states[1]", "states[2]", "email", "page_size"],
    );
}

#[tokio::test]
async fn members_of_one_community_do_not_list_the_tree() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let reader = member(&admin, &tree.root, &tree.inside[0], &["guest"]).await;
    refused(list(&reader, request(&tree.root)).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let sibling = ListInvitationsRequest { community: tree.inside[1].clone(), ..request(&tree.root) };
    refused(list(&reader, sibling).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let own = ListInvitationsRequest { community: tree.inside[0].clone(), ..request(&tree.root) };
    assert_eq!(list(&reader, own).await.unwrap().invitations.len(), 1);
}
