use tonic::{Code, Status};
use usher_api::community::{Community, CommunityState, GetCommunityRequest, Grant, SuspendCommunityRequest};
use usher_api::invitation::ResendInvitationRequest;

use super::{alone, denied, enrol, holder, may, no_community, outsiders, somebody};
use crate::support::acts::{delete_community, reactivate_community, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{accept, grant, hand_over, invite, link_token, managed, mssp, offer, token};
use crate::support::{address, request_id};

const PERMISSION: &str = "communities.update";

fn request(name: &str) -> SuspendCommunityRequest {
    SuspendCommunityRequest { name: name.to_owned(), etag: String::new(), request_id: request_id() }
}

async fn suspend(actor: &Person, request: SuspendCommunityRequest) -> Result<Community, Status> {
    let answer = actor.caller.community().suspend_community(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

async fn get(actor: &Person, name: &str) -> Community {
    let answer = actor.caller.community().get_community(GetCommunityRequest { name: name.to_owned() }).await;
    answer.expect("it is there").into_inner().community.expect("it comes")
}

#[tokio::test]
async fn nobody_may_do_anything_there_until_it_is_reactivated() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (user, one, two) = (somebody(), &tree.inside[0], &tree.inside[1]);
    enrol(&admin, &tree.root, &user, vec![grant(one, &["guest"]), grant(two, &["guest"])]).await;
    let stopped = suspend(&admin, request(one)).await.unwrap();
    assert_eq!(
        (stopped.state(), stopped.effective_state()),
        (CommunityState::Suspended, CommunityState::Suspended)
    );
    assert!(!may(&user, one, "communities.get").await && !may(&admin.name, one, "communities.get").await);
    assert!(may(&user, two, "communities.get").await);
    // It is still seen by those who could see it.
    assert_eq!(get(&admin, one).await, stopped);
    reactivate_community(&admin, one).await;
    assert!(may(&user, one, "communities.get").await);
}

#[tokio::test]
async fn an_mssp_community_stops_with_all_inside_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (user, inside) = (somebody(), &tree.inside[0]);
    enrol(&admin, &tree.root, &user, vec![grant(inside, &["admin"])]).await;
    suspend_community(&admin, &tree.root).await;
    assert!(!may(&user, inside, "communities.get").await);
    let seen = get(&admin, inside).await;
    assert_eq!((seen.state(), seen.effective_state()), (CommunityState::Active, CommunityState::Suspended));
    // What is below it is decided above.
    let metadata =
        refused(suspend(&admin, request(inside)).await, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (&tree.root, "SUSPENDED"));
    reactivate_community(&admin, &tree.root).await;
    assert!(may(&user, inside, "communities.get").await);
}

#[tokio::test]
async fn nobody_is_invited_mailed_or_admitted_meanwhile() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let guest = Person::new("guest").await;
    let invitation = invite(&admin, &place, &guest.email, vec![grant(&place, &["guest"])]).await;
    let link = token(&admin, &invitation.name).await;
    suspend_community(&admin, &place).await;

    let new = offer(&place, &address("other"), vec![grant(&place, &["guest"])]);
    let answer = admin.caller.invitation().create_invitation(new).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["community"], place);
    let answer = link_token(&admin, &invitation.name).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["communities"], place);
    let answer = accept(&guest, &link).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["communities"], place);

    // Nothing is lost by it.
    reactivate_community(&admin, &place).await;
    accept(&guest, &link).await.expect("the invitation is still pending");
    assert!(may(&guest.name, &place, "communities.get").await);
}

#[tokio::test]
async fn those_inside_are_stopped_from_above_and_those_at_the_top_by_the_platform() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    for outsider in outsiders(&admin, &tree).await {
        denied(suspend(&outsider, request(place)).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    let above = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_community"])]).await;
    for person in [&inner, &outer] {
        denied(suspend(person, request(place)).await, PERMISSION, place);
    }
    for person in [&inner, &outer, &above] {
        denied(suspend(person, request(&tree.root)).await, PERMISSION, &tree.root);
        denied(suspend(person, request(&nowhere)).await, PERMISSION, &nowhere);
    }
    suspend(&above, request(place)).await.unwrap();
    refused(suspend(&admin, request(&nowhere)).await, Code::NotFound, "COMMUNITY_NOT_FOUND");
    suspend(&admin, request(&tree.root)).await.unwrap();
}

#[tokio::test]
async fn one_that_is_stopped_is_not_stopped_again() {
    let admin = admin().await;
    let (suspended, deleted) = (managed(&admin).await, managed(&admin).await);
    suspend_community(&admin, &suspended).await;
    delete_community(&admin, &deleted).await;
    for (place, state) in [(&suspended, "SUSPENDED"), (&deleted, "DELETED")] {
        let answer = suspend(&admin, request(place)).await;
        let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
        assert_eq!((&metadata["community"], &*metadata["state"]), (place, state));
    }
}

#[tokio::test]
async fn a_stale_etag_and_wrong_fields_are_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let stale = SuspendCommunityRequest { etag: "0".to_owned(), ..request(&place) };
    assert_eq!(refused(suspend(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH")["resource"], place);
    let wrong = SuspendCommunityRequest { request_id: "42".to_owned(), ..request(&place) };
    refused_fields(suspend(&admin, wrong).await, &["request_id"]);
    let wrong = SuspendCommunityRequest { request_id: "42".to_owned(), ..request("northwind") };
    refused_fields(suspend(&admin, wrong).await, &["name", "request_id"]);
}

#[tokio::test]
async fn a_repeated_request_stops_it_once() {
    let admin = admin().await;
    let (place, other) = (managed(&admin).await, managed(&admin).await);
    let first = request(&place);
    let stopped = suspend(&admin, first.clone()).await.unwrap();
    reactivate_community(&admin, &place).await;
    assert_eq!(suspend(&admin, first.clone()).await.unwrap(), stopped);
    assert_eq!(get(&admin, &place).await.state(), CommunityState::Active);
    let reused = SuspendCommunityRequest { name: other, ..first };
    refused(suspend(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

/// An invitation of somebody, and a token for it.
async fn invited(admin: &Person, root: &str, grants: Vec<Grant>) -> (Person, String, String) {
    let guest = Person::new("guest").await;
    let invitation = invite(admin, root, &guest.email, grants).await.name;
    let link = token(admin, &invitation).await;
    (guest, invitation, link)
}

#[tokio::test]
async fn below_a_main_community_that_is_stopped_nobody_is_invited_mailed_or_admitted_either() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (root, inside) = (&tree.root, &tree.inside[0]);
    let invitations = [
        (root, invited(&admin, root, vec![grant(root, &["guest"])]).await),
        (inside, invited(&admin, root, vec![grant(inside, &["guest"])]).await),
    ];
    suspend_community(&admin, root).await;
    for (place, (guest, invitation, link)) in &invitations {
        let new = offer(root, &address("other"), vec![grant(place, &["guest"])]);
        let answer = admin.caller.invitation().create_invitation(new).await;
        let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
        assert_eq!((&metadata["community"], &*metadata["state"]), (*place, "SUSPENDED"));
        for answer in [link_token(&admin, invitation).await.map(drop), accept(guest, link).await.map(drop)] {
            let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
            assert_eq!(&metadata["communities"], *place);
        }
        assert!(!may(&guest.name, place, "communities.get").await);
    }
    reactivate_community(&admin, root).await;
    for (place, (guest, invitation, link)) in &invitations {
        token(&admin, invitation).await;
        accept(guest, link).await.expect("the invitation is still pending");
        assert!(may(&guest.name, place, "communities.get").await);
    }
}

#[tokio::test]
async fn an_offer_stops_with_one_of_its_communities_and_the_others_go_on() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (root, one, two) = (&tree.root, &tree.inside[0], &tree.inside[1]);
    let both = vec![grant(one, &["guest"]), grant(two, &["guest"])];
    let (guest, _, link) = invited(&admin, root, both.clone()).await;
    suspend_community(&admin, one).await;
    let new = offer(root, &address("other"), both);
    let answer = admin.caller.invitation().create_invitation(new).await;
    assert_eq!(&refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["community"], one);
    let answer = accept(&guest, &link).await;
    assert_eq!(&refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["communities"], one);
    assert!(!may(&guest.name, two, "communities.get").await);
    for place in [two, root] {
        let (other, _, link) = invited(&admin, root, vec![grant(place, &["guest"])]).await;
        accept(&other, &link).await.unwrap();
        assert!(may(&other.name, two, "communities.get").await);
    }
}

#[tokio::test]
async fn who_does_not_reach_all_inside_stops_none_of_them_not_even_the_platform() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let place = &tree.inside[0];
    let both = vec![alone(&tree.root, &["admin"]), grant(place, &["manage_community"])];
    let outer = holder(&admin, &tree.root, both).await;
    let owner = hand_over(&admin, &tree.root).await;
    for person in [&outer, &admin] {
        denied(suspend(person, request(place)).await, PERMISSION, place);
        // Authority comes before the rest.
        let wrong = SuspendCommunityRequest { request_id: "42".to_owned(), ..request(place) };
        denied(suspend(person, wrong).await, PERMISSION, place);
    }
    denied(suspend(&owner, request(&tree.root)).await, PERMISSION, &tree.root);
    suspend(&owner, request(place)).await.unwrap();
    suspend(&admin, request(&tree.root)).await.unwrap();
}

#[tokio::test]
async fn an_offer_is_not_sent_again_and_who_could_send_it_is_told_why() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let inside = &tree.inside[0];
    let (_, invitation, _) = invited(&admin, &tree.root, vec![grant(inside, &["guest"])]).await;
    let worker = holder(&admin, &tree.root, vec![grant(inside, &["analyst"])]).await;
    suspend_community(&admin, &tree.root).await;
    let again = ResendInvitationRequest { name: invitation, ..ResendInvitationRequest::default() };
    denied(worker.caller.invitation().resend_invitation(again.clone()).await, "invitations.resend", inside);
    let answer = admin.caller.invitation().resend_invitation(again.clone()).await;
    assert_eq!(&refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE")["community"], inside);
    reactivate_community(&admin, &tree.root).await;
    admin.caller.invitation().resend_invitation(again).await.expect("it can be sent again");
}
