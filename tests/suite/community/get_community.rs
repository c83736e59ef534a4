use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{Community, CommunityState, GetCommunityRequest};

use super::{alone, holder, may, no_community};
use crate::support::acts::{delete_community, reactivate_community, suspend_community, undelete_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, hand_over, managed, mssp};

async fn get(caller: &Caller, name: &str) -> Result<Community, Status> {
    let answer = caller.community().get_community(GetCommunityRequest { name: name.to_owned() }).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

#[tokio::test]
async fn members_and_services_see_it() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = holder(&admin, &place, vec![grant(&place, &["guest"])]).await;
    let seen = get(&guest.caller, &place).await.unwrap();
    assert_eq!(seen.name, place);
    assert_eq!(get(&Caller::nobody().service("alerts"), &place).await.unwrap(), seen);
    refused(get(&Caller::nobody(), &place).await, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test]
async fn those_inside_an_mssp_are_seen_by_its_people() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let guest = holder(&admin, &tree.root, vec![grant(&tree.root, &["guest"])]).await;
    get(&guest.caller, &tree.inside[0]).await.unwrap();
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    get(&outer.caller, &tree.root).await.unwrap();
    refused(get(&outer.caller, &tree.inside[0]).await, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_member_inside_sees_neither_what_is_above_nor_what_is_beside() {
    let admin = admin().await;
    let (tree, unrelated) = (mssp(&admin, 2).await, managed(&admin).await);
    let guest = holder(&admin, &tree.root, vec![grant(&tree.inside[0], &["admin"])]).await;
    get(&guest.caller, &tree.inside[0]).await.unwrap();
    for hidden in [&tree.root, &tree.inside[1], &unrelated] {
        let metadata = refused(get(&guest.caller, hidden).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&metadata["permission"][..], &metadata["resource"]), ("communities.get", hidden));
    }
}

#[tokio::test]
async fn only_services_learn_that_there_is_none() {
    let (stranger, nowhere) = (Person::new("stranger").await, no_community());
    refused(get(&stranger.caller, &nowhere).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let service = Caller::nobody().service("alerts");
    let metadata = refused(get(&service, &nowhere).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
    assert_eq!(metadata["community"], nowhere);
}

#[tokio::test]
async fn a_service_that_acts_for_a_person_sees_what_he_sees() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    let place = managed(&admin).await;
    let service = Caller::nobody().service("alerts");
    get(&service.on_behalf_of(&admin.credentials.access_token), &place).await.unwrap();
    let answer = get(&service.on_behalf_of(&stranger.credentials.access_token), &place).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn the_name_must_be_one() {
    let admin = admin().await;
    for name in ["", "communities/northwind", "users/0199c0de-0000-7000-8000-000000000001"] {
        refused_fields(get(&admin.caller, name).await, &["name"]);
    }
}

/// Its own state, and the one that it is in fact in.
fn states(community: &Community) -> (CommunityState, CommunityState) {
    (community.state(), community.effective_state())
}

#[tokio::test]
async fn it_is_seen_in_whatever_state_it_is() {
    use CommunityState::{Active, Deleted, Suspended};
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let guest = holder(&admin, root, vec![grant(inside, &["guest"])]).await;
    let seen = async || states(&get(&guest.caller, inside).await.expect("he sees it"));
    assert_eq!(seen().await, (Active, Active));
    suspend_community(&admin, inside).await;
    assert_eq!(seen().await, (Suspended, Suspended));
    delete_community(&admin, root).await;
    assert_eq!(seen().await, (Suspended, Deleted));
    undelete_community(&admin, root).await;
    reactivate_community(&admin, inside).await;
    delete_community(&admin, inside).await;
    assert_eq!(seen().await, (Deleted, Deleted));
    suspend_community(&admin, root).await;
    assert_eq!(seen().await, (Deleted, Suspended));
    // He sees it and may do nothing there; others do not even see it.
    assert!(!may(&guest.name, inside, "communities.get").await);
    let stranger = Person::new("stranger").await;
    refused(get(&stranger.caller, inside).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(get(&guest.caller, root).await, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn platform_administrators_see_all() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    hand_over(&admin, &tree.root).await;
    suspend_community(&admin, &tree.root).await;
    for place in [&tree.root, &tree.inside[0]] {
        assert_eq!(&get(&admin.caller, place).await.unwrap().name, place);
        assert!(!may(&admin.name, place, "communities.get").await);
    }
    let nowhere = no_community();
    let metadata = refused(get(&admin.caller, &nowhere).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
    assert_eq!(metadata["community"], nowhere);
}
