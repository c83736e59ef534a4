use tonic::{Code, Status};
use usher_api::community::{Community, CommunityState, ReactivateCommunityRequest};

use super::{denied, holder, no_community, outsiders};
use crate::support::acts::{delete_community, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, hand_over, managed, mssp};

const PERMISSION: &str = "communities.update";

fn request(name: &str) -> ReactivateCommunityRequest {
    ReactivateCommunityRequest { name: name.to_owned(), etag: String::new(), request_id: request_id() }
}

async fn reactivate(actor: &Person, request: ReactivateCommunityRequest) -> Result<Community, Status> {
    let answer = actor.caller.community().reactivate_community(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

#[tokio::test]
async fn only_a_suspension_is_ended() {
    let admin = admin().await;
    let (active, suspended, deleted) = (managed(&admin).await, managed(&admin).await, managed(&admin).await);
    suspend_community(&admin, &suspended).await;
    delete_community(&admin, &deleted).await;
    let back = reactivate(&admin, request(&suspended)).await.unwrap();
    assert_eq!((back.state(), back.effective_state()), (CommunityState::Active, CommunityState::Active));
    for place in [&active, &deleted, &suspended] {
        let answer = reactivate(&admin, request(place)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_SUSPENDED");
        assert_eq!(&metadata["community"], place);
    }
}

#[tokio::test]
async fn nobody_undoes_what_was_decided_above_him() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    let outsiders = outsiders(&admin, &tree).await;
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    let above = holder(&admin, &tree.root, vec![grant(&tree.root, &["admin"])]).await;
    suspend_community(&admin, place).await;
    for person in outsiders.iter().chain([&inner]) {
        denied(reactivate(person, request(place)).await, PERMISSION, place);
        denied(reactivate(person, request(&nowhere)).await, PERMISSION, &nowhere);
    }
    suspend_community(&admin, &tree.root).await;
    denied(reactivate(&above, request(&tree.root)).await, PERMISSION, &tree.root);
    let metadata =
        refused(reactivate(&above, request(place)).await, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!(metadata["community"], tree.root);
    reactivate(&admin, request(&tree.root)).await.unwrap();
    reactivate(&above, request(place)).await.unwrap();
}

#[tokio::test]
async fn a_stale_etag_and_wrong_fields_are_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    suspend_community(&admin, &place).await;
    let stale = ReactivateCommunityRequest { etag: "1".to_owned(), ..request(&place) };
    assert_eq!(refused(reactivate(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH")["resource"], place);
    let wrong = ReactivateCommunityRequest { request_id: "42".to_owned(), ..request("northwind") };
    refused_fields(reactivate(&admin, wrong).await, &["name", "request_id"]);
}

#[tokio::test]
async fn a_repeated_request_ends_one_suspension() {
    let admin = admin().await;
    let place = managed(&admin).await;
    suspend_community(&admin, &place).await;
    let first = request(&place);
    let back = reactivate(&admin, first.clone()).await.unwrap();
    suspend_community(&admin, &place).await;
    assert_eq!(reactivate(&admin, first.clone()).await.unwrap(), back);
    reactivate(&admin, request(&place)).await.expect("it was still suspended");
    let reused = ReactivateCommunityRequest { etag: "7".to_owned(), ..first };
    refused(reactivate(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn those_at_the_top_are_let_go_on_by_the_platform_and_those_inside_from_above() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (top, inside) = (&tree.root, &tree.inside[0]);
    let owner = hand_over(&admin, top).await;
    suspend_community(&owner, inside).await;
    suspend_community(&admin, top).await;
    denied(reactivate(&owner, request(top)).await, PERMISSION, top);
    let back = reactivate(&admin, request(top)).await.unwrap();
    assert_eq!(back.state(), CommunityState::Active);
    denied(reactivate(&admin, request(inside)).await, PERMISSION, inside);
    reactivate(&owner, request(inside)).await.unwrap();
    let nowhere = no_community();
    let metadata =
        refused(reactivate(&admin, request(&nowhere)).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
    assert_eq!(metadata["community"], nowhere);
}
