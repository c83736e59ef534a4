use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{LeaveCommunityRequest, LeaveCommunityResponse, MemberSource};

use super::{add, alone, enrol, holder, may, no_community, seen, told};
use crate::support::acts::{member_name, suspend_community, suspend_member};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, managed, mssp};

fn request(name: &str) -> LeaveCommunityRequest {
    LeaveCommunityRequest { name: name.to_owned(), request_id: request_id() }
}

async fn leave(person: &Person, request: LeaveCommunityRequest) -> Result<LeaveCommunityResponse, Status> {
    Ok(person.caller.community().leave_community(request).await?.into_inner())
}

#[tokio::test]
async fn a_member_needs_nobody_to_leave() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    leave(&guest, request(&place)).await.unwrap();
    assert!(!may(&guest.name, &place, "communities.get").await);
    assert!(seen(&place, &guest.name).await.is_none());
    let facts = [("member.created".to_owned(), 1), ("member.deleted".to_owned(), 2)];
    assert_eq!(told(&place, &guest.name).await, facts);
}

#[tokio::test]
async fn who_is_suspended_leaves_and_so_does_who_is_in_a_community_that_is_stopped() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let one = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    let other = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    suspend_member(&admin, &place, &one.name).await;
    leave(&one, request(&place)).await.unwrap();
    suspend_community(&admin, &place).await;
    leave(&other, request(&place)).await.unwrap();
    for person in [&one, &other] {
        assert!(seen(&place, &person.name).await.is_none());
    }
}

#[tokio::test]
async fn what_he_inherits_stays() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let grants = vec![grant(root, &["guest"]), grant(inside, &["manage_roles"])];
    let person = holder(&admin, root, grants).await;
    leave(&person, request(inside)).await.unwrap();
    let left = seen(inside, &person.name).await.unwrap();
    assert_eq!((left.source(), left.roles.len()), (MemberSource::Inherited, 0));
    assert!(may(&person.name, inside, "communities.get").await);

    let metadata =
        refused(leave(&person, request(inside)).await, Code::FailedPrecondition, "MEMBERSHIP_INHERITED");
    assert_eq!(metadata["member"], member_name(inside, &person.name));
    assert_eq!(metadata["inherited_from"], member_name(root, &person.name));
}

#[tokio::test]
async fn only_members_leave() {
    let admin = admin().await;
    let (tree, unrelated, nowhere) = (mssp(&admin, 2).await, managed(&admin).await, no_community());
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    for place in [&tree.root, &tree.inside[1], &unrelated, &nowhere] {
        let answer = leave(&inner, request(place)).await;
        let metadata = refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
        assert_eq!(metadata["member"], member_name(place, &inner.name));
    }
    assert!(may(&inner.name, &tree.inside[0], "members.delete").await);
    let answer = Caller::nobody().community().leave_community(request(&unrelated)).await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
    let answer = Caller::nobody().service("alerts").community().leave_community(request(&unrelated)).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let admin = admin().await;
    let (place, tree) = (managed(&admin).await, mssp(&admin, 1).await);
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    for top in [&place, &tree.root] {
        let answer = leave(&admin, request(top)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
        assert_eq!(&metadata["community"], top);
        assert!(may(&admin.name, top, "members.delete").await);
    }
    leave(&outer, request(&tree.root)).await.unwrap();
    let inner = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    leave(&inner, request(&tree.inside[0])).await.unwrap();

    let heir = holder(&admin, &place, vec![grant(&place, &["admin"])]).await;
    leave(&admin, request(&place)).await.unwrap();
    refused(leave(&heir, request(&place)).await, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad = LeaveCommunityRequest { name: "northwind".to_owned(), request_id: "42".to_owned() };
    refused_fields(leave(&admin, bad).await, &["name", "request_id"]);
}

#[tokio::test]
async fn a_repeated_request_leaves_once() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let guest = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    enrol(&admin, &other, &guest.name, vec![grant(&other, &["guest"])]).await;
    let asked = request(&place);
    let (one, two) = tokio::join!(leave(&guest, asked.clone()), leave(&guest, asked.clone()));
    let answer = one.unwrap();
    assert_eq!(two.unwrap(), answer);
    add(&admin, &place, &guest.name, &["guest"]).await;
    assert_eq!(leave(&guest, asked.clone()).await.unwrap(), answer);
    assert!(may(&guest.name, &place, "communities.get").await);

    let changed = LeaveCommunityRequest { name: other.clone(), ..asked.clone() };
    let metadata = refused(leave(&guest, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], asked.request_id);
    assert!(may(&guest.name, &other, "communities.get").await);
}
