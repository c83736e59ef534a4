use sandbox::until;
use tonic::{Code, Status};
use usher_api::community::{
    Community, CommunityState, DeleteCommunityRequest, GetCommunityRequest, ListCommunitiesRequest,
    ListPermissionsRequest,
};

use super::{denied, enrol, holder, may, no_community, outsiders, somebody};
use crate::support::acts::{suspend_community, undelete_community};
use crate::support::address;
use crate::support::keys::{Key, account, give, key};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::{let_the_end_come, rows_of};
use crate::support::tree::{grant, hand_over, invite, managed, mssp, role};

const PERMISSION: &str = "communities.delete";

fn request(name: &str) -> DeleteCommunityRequest {
    DeleteCommunityRequest { name: name.to_owned(), etag: String::new(), request_id: request_id() }
}

async fn delete(actor: &Person, request: DeleteCommunityRequest) -> Result<Community, Status> {
    let answer = actor.caller.community().delete_community(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

async fn get(actor: &Person, name: &str) -> Result<Community, Status> {
    let request = GetCommunityRequest { name: name.to_owned() };
    let answer = actor.caller.community().get_community(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

async fn listed(actor: &Person, parent: &str, states: &[CommunityState]) -> Vec<String> {
    let states = states.iter().map(|state| (*state).into()).collect();
    let parent_community = parent.to_owned();
    let request = ListCommunitiesRequest { parent_community, states, ..ListCommunitiesRequest::default() };
    let answer = actor.caller.community().list_communities(request).await.unwrap().into_inner();
    answer.communities.into_iter().map(|community| community.name).collect()
}

#[tokio::test]
async fn it_is_gone_for_all_and_can_be_brought_back_for_thirty_days() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, place) = (somebody(), &tree.inside[0]);
    enrol(&admin, &tree.root, &user, vec![grant(place, &["guest"])]).await;
    let deleted = delete(&admin, request(place)).await.unwrap();
    assert_eq!(deleted.state(), CommunityState::Deleted);
    let (begun, ends) = (deleted.delete_time.unwrap(), deleted.purge_time.unwrap());
    assert_eq!((ends.seconds - begun.seconds, ends.nanos), (30 * 24 * 60 * 60, begun.nanos));
    assert!(!may(&user, place, "communities.get").await);
    assert_eq!(listed(&admin, &tree.root, &[]).await, [tree.inside[1].clone()]);
    assert_eq!(listed(&admin, &tree.root, &[CommunityState::Deleted]).await, [place.clone()]);
    undelete_community(&admin, place).await;
    assert!(may(&user, place, "communities.get").await);
}

#[tokio::test]
async fn at_its_end_everything_about_it_is_destroyed() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let custom = role(&admin, &tree.root, &["communities.get"]).await;
    let (user, inside) = (somebody(), &tree.inside[0]);
    enrol(&admin, &tree.root, &user, vec![grant(&tree.root, &[&custom]), grant(inside, &["guest"])]).await;
    delete(&admin, request(&tree.root)).await.unwrap();
    let_the_end_come(&tree.root).await;
    for place in [&tree.root, inside, &tree.inside[1]] {
        until("the community is destroyed", || async {
            get(&admin, place).await.err().filter(|status| status.code() == Code::NotFound)
        })
        .await;
    }
    assert!(!may(&user, inside, "communities.get").await);
}

#[tokio::test]
async fn at_its_end_nobody_knows_its_keys_or_what_programs_and_invitations_had_there() {
    let admin = admin().await;
    let (place, stays) = (managed(&admin).await, managed(&admin).await);
    let (its, other) =
        (key(&admin, &place, &["members.list"]).await, key(&admin, &stays, &["members.list"]).await);
    let (account, bearer) = account(&admin).await;
    for place in [&place, &stays] {
        give(&admin, &account.name, place, &["members.list"]).await;
    }
    invite(&admin, &place, &address("guest"), vec![grant(&place, &["guest"])]).await;
    assert_eq!(rows_of("seat_reservation", &place).await, 1);
    delete(&admin, request(&place)).await.unwrap();
    let_the_end_come(&place).await;
    let asks = async |key: &Key| {
        key.caller.community().list_permissions(ListPermissionsRequest::default()).await.map(|_| ())
    };
    until("the key is unknown", || async { asks(&its).await.err() }).await;
    refused(asks(&its).await, Code::Unauthenticated, "TOKEN_INVALID");
    for table in ["api_key", "program_permission", "seat_reservation"] {
        assert_eq!(rows_of(table, &place).await, 0, "{table}");
    }
    for key in [&other, &bearer] {
        asks(key).await.unwrap();
    }
    assert!(may(&other.key.name, &stays, "members.list").await);
    assert!(may(&account.name, &stays, "members.list").await);
}

#[tokio::test]
async fn one_that_was_brought_back_in_time_is_not_destroyed() {
    let admin = admin().await;
    let (back, gone) = (managed(&admin).await, managed(&admin).await);
    for place in [&back, &gone] {
        delete(&admin, request(place)).await.unwrap();
    }
    undelete_community(&admin, &back).await;
    let_the_end_come(&gone).await;
    until("the other one is destroyed", || async {
        get(&admin, &gone).await.err().filter(|status| status.code() == Code::NotFound)
    })
    .await;
    assert_eq!(get(&admin, &back).await.unwrap().state(), CommunityState::Active);
}

#[tokio::test]
async fn refuses_whoever_may_not_delete_it() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    for outsider in outsiders(&admin, &tree).await {
        denied(delete(&outsider, request(place)).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["manage_community"])]).await;
    for other in [&tree.root, &tree.inside[1], &nowhere] {
        denied(delete(&inner, request(other)).await, PERMISSION, other);
    }
    delete(&inner, request(place)).await.unwrap();
    refused(delete(&admin, request(&nowhere)).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
}

#[tokio::test]
async fn one_that_is_stopped_is_not_deleted() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    suspend_community(&admin, &tree.root).await;
    for place in [&tree.root, &tree.inside[0]] {
        let answer = delete(&admin, request(place)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
        assert_eq!(&metadata["community"], place);
    }
}

#[tokio::test]
async fn a_stale_etag_and_wrong_fields_are_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let stale = DeleteCommunityRequest { etag: "0".to_owned(), ..request(&place) };
    assert_eq!(refused(delete(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH")["resource"], place);
    let wrong = DeleteCommunityRequest { request_id: "42".to_owned(), ..request("northwind") };
    refused_fields(delete(&admin, wrong).await, &["name", "request_id"]);
}

#[tokio::test]
async fn a_repeated_request_deletes_it_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let first = request(&place);
    let deleted = delete(&admin, first.clone()).await.unwrap();
    undelete_community(&admin, &place).await;
    assert_eq!(delete(&admin, first.clone()).await.unwrap(), deleted);
    assert_eq!(get(&admin, &place).await.unwrap().state(), CommunityState::Active);
    let reused = DeleteCommunityRequest { etag: "7".to_owned(), ..first };
    refused(delete(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn it_is_still_seen_and_all_inside_stops_with_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let inside = &tree.inside[0];
    let guest = holder(&admin, &tree.root, vec![grant(&tree.root, &["guest"])]).await;
    let before = get(&guest, inside).await.unwrap();
    let deleted = delete(&admin, request(&tree.root)).await.unwrap();
    assert_eq!(deleted.effective_state(), CommunityState::Deleted);
    assert_eq!(get(&guest, &tree.root).await.unwrap(), deleted);
    let seen = get(&guest, inside).await.unwrap();
    assert_eq!(seen, Community { effective_state: CommunityState::Deleted.into(), ..before });
    assert!(!may(&guest.name, &tree.root, "communities.get").await);
    assert!(!may(&guest.name, inside, "communities.get").await);
    undelete_community(&admin, &tree.root).await;
    assert!(may(&guest.name, inside, "communities.get").await);
}

#[tokio::test]
async fn those_at_the_top_are_deleted_by_the_platform_too_and_those_inside_are_not() {
    let admin = admin().await;
    let (tree, own) = (mssp(&admin, 1).await, managed(&admin).await);
    hand_over(&admin, &tree.root).await;
    let owner = hand_over(&admin, &own).await;
    denied(delete(&admin, request(&tree.inside[0])).await, PERMISSION, &tree.inside[0]);
    delete(&admin, request(&tree.root)).await.unwrap();
    delete(&owner, request(&own)).await.unwrap();
    let answer = delete(&admin, request(&tree.root)).await;
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (&tree.root, "DELETED"));
}
