use tonic::{Code, Status};
use usher_api::community::{Community, CommunityKind, CommunityState, UndeleteCommunityRequest};

use super::{denied, holder, may, no_community, outsiders};
use crate::support::acts::{deactivate_user, delete_community, reactivate_user, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::let_the_end_come;
use crate::support::tree::{community, grant, hand_over, managed, mssp};

const PERMISSION: &str = "communities.delete";

fn request(name: &str) -> UndeleteCommunityRequest {
    UndeleteCommunityRequest { name: name.to_owned(), etag: String::new(), request_id: request_id() }
}

async fn undelete(actor: &Person, request: UndeleteCommunityRequest) -> Result<Community, Status> {
    let answer = actor.caller.community().undelete_community(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

#[tokio::test]
async fn only_a_deletion_is_taken_back() {
    let admin = admin().await;
    let (active, suspended, deleted) = (managed(&admin).await, managed(&admin).await, managed(&admin).await);
    suspend_community(&admin, &suspended).await;
    delete_community(&admin, &deleted).await;
    let back = undelete(&admin, request(&deleted)).await.unwrap();
    assert_eq!((back.state(), back.delete_time, back.purge_time), (CommunityState::Active, None, None));
    for place in [&active, &suspended, &deleted] {
        let answer = undelete(&admin, request(place)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_DELETED");
        assert_eq!(&metadata["community"], place);
    }
}

#[tokio::test]
async fn whoever_could_delete_it_can_bring_it_back() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    let outsiders = outsiders(&admin, &tree).await;
    let inner = holder(&admin, &tree.root, vec![grant(place, &["manage_community"])]).await;
    delete_community(&inner, place).await;
    for outsider in &outsiders {
        denied(undelete(outsider, request(place)).await, PERMISSION, place);
        denied(undelete(outsider, request(&nowhere)).await, PERMISSION, &nowhere);
    }
    undelete(&inner, request(place)).await.unwrap();

    // Below one that is stopped, it is decided above.
    delete_community(&inner, place).await;
    suspend_community(&admin, &tree.root).await;
    let answer = undelete(&inner, request(place)).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["community"], tree.root);
}

#[tokio::test]
async fn a_stale_etag_and_wrong_fields_are_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    delete_community(&admin, &place).await;
    let stale = UndeleteCommunityRequest { etag: "1".to_owned(), ..request(&place) };
    assert_eq!(refused(undelete(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH")["resource"], place);
    let wrong = UndeleteCommunityRequest { request_id: "42".to_owned(), ..request("northwind") };
    refused_fields(undelete(&admin, wrong).await, &["name", "request_id"]);
}

#[tokio::test]
async fn a_repeated_request_takes_one_deletion_back() {
    let admin = admin().await;
    let place = managed(&admin).await;
    delete_community(&admin, &place).await;
    let first = request(&place);
    let back = undelete(&admin, first.clone()).await.unwrap();
    delete_community(&admin, &place).await;
    assert_eq!(undelete(&admin, first.clone()).await.unwrap(), back);
    undelete(&admin, request(&place)).await.expect("it was still deleted");
    let reused = UndeleteCommunityRequest { etag: "7".to_owned(), ..first };
    refused(undelete(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn all_that_was_there_is_there_again() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let inside = &tree.inside[0];
    let guest = holder(&admin, &tree.root, vec![grant(inside, &["guest"])]).await;
    let owner = hand_over(&admin, &tree.root).await;
    delete_community(&owner, &tree.root).await;
    assert!(!may(&guest.name, inside, "communities.get").await);
    // The platform may, without any role there.
    let back = undelete(&admin, request(&tree.root)).await.unwrap();
    assert_eq!(back.effective_state(), CommunityState::Active);
    assert!(may(&guest.name, inside, "communities.get").await);
    assert!(may(&owner.name, inside, "communities.delete").await);
}

#[tokio::test]
async fn what_has_come_to_its_end_is_not_brought_back() {
    let admin = admin().await;
    let place = managed(&admin).await;
    delete_community(&admin, &place).await;
    let_the_end_come(&place).await;
    // Whether or not the sweeper was here already.
    let answer = undelete(&admin, request(&place)).await;
    assert_eq!(refused(answer, Code::NotFound, "COMMUNITY_NOT_FOUND")["community"], place);
}

#[tokio::test]
async fn one_that_lost_its_administrators_meanwhile_waits_until_one_is_back() {
    let admin = admin().await;
    for kind in [CommunityKind::Managed, CommunityKind::Mssp] {
        let place = community(&admin, kind, "").await;
        let owner = hand_over(&admin, &place).await;
        delete_community(&owner, &place).await;
        // A deleted community keeps nobody.
        deactivate_user(&admin, &owner.name).await;
        let metadata =
            refused(undelete(&admin, request(&place)).await, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
        assert_eq!(metadata["community"], place);
        reactivate_user(&admin, &owner.name).await;
        undelete(&admin, request(&place)).await.unwrap();
        assert!(may(&owner.name, &place, PERMISSION).await);
    }
}
