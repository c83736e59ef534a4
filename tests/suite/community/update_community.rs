use futures::future::join_all;
use prost_types::FieldMask;
use tonic::{Code, Status};
use usher_api::community::{Community, GetCommunityRequest, UpdateCommunityRequest};

use super::{alone, denied, holder, no_community, outsiders};
use crate::support::acts::{delete_community, suspend_community};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{grant, hand_over, managed, mssp};

const PERMISSION: &str = "communities.update";

/// A request to change the fields that are set in `changed`, or those of `mask`.
fn request(name: &str, changed: Community, mask: &[&str]) -> UpdateCommunityRequest {
    let paths = mask.iter().map(|path| (*path).to_owned()).collect();
    UpdateCommunityRequest {
        community: Some(Community { name: name.to_owned(), ..changed }),
        update_mask: Some(FieldMask { paths }),
        request_id: request_id(),
    }
}

fn named(display_name: &str) -> Community {
    Community { display_name: display_name.to_owned(), ..Community::default() }
}

async fn update(actor: &Person, request: UpdateCommunityRequest) -> Result<Community, Status> {
    let answer = actor.caller.community().update_community(request).await?;
    Ok(answer.into_inner().community.expect("it comes"))
}

async fn get(actor: &Person, name: &str) -> Community {
    let answer = actor.caller.community().get_community(GetCommunityRequest { name: name.to_owned() }).await;
    answer.expect("it is there").into_inner().community.expect("it comes")
}

#[tokio::test]
async fn changes_what_is_named_and_nothing_else() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let manager = holder(&admin, &place, vec![grant(&place, &["manage_community"])]).await;
    let before = get(&admin, &place).await;
    let all = Community {
        display_name: " Alpine Bank ".to_owned(),
        description: "Looks after money.".to_owned(),
        website_uri: "https://alpine.example".to_owned(),
        ..Community::default()
    };
    let first = update(&manager, request(&place, all, &[])).await.unwrap();
    let expected = Community {
        display_name: "Alpine Bank".to_owned(),
        description: "Looks after money.".to_owned(),
        website_uri: "https://alpine.example".to_owned(),
        etag: first.etag.clone(),
        update_time: first.update_time,
        ..before.clone()
    };
    assert_eq!(first, expected);
    assert_ne!(first.etag, before.etag);

    // What the mask names is changed even to nothing, what it does not name stays.
    let emptied = update(&manager, request(&place, named("ignored"), &["description"])).await.unwrap();
    assert_eq!((&*emptied.display_name, &*emptied.description), ("Alpine Bank", ""));
    assert_eq!(get(&admin, &place).await, emptied);
}

#[tokio::test]
async fn refuses_whoever_may_not_change_it() {
    let admin = admin().await;
    let (tree, nowhere) = (mssp(&admin, 2).await, no_community());
    let place = &tree.inside[0];
    for outsider in outsiders(&admin, &tree).await {
        denied(update(&outsider, request(place, named("Mine"), &[])).await, PERMISSION, place);
        // Authority comes before the rest.
        denied(update(&outsider, request(place, named(""), &["kind"])).await, PERMISSION, place);
    }
    let inner = holder(&admin, &tree.root, vec![grant(place, &["admin"])]).await;
    for other in [&tree.root, &tree.inside[1], &nowhere] {
        denied(update(&inner, request(other, named("Mine"), &[])).await, PERMISSION, other);
    }
    update(&inner, request(place, named("Mine"), &[])).await.unwrap();
}

#[tokio::test]
async fn refuses_one_that_is_stopped_or_below_one_that_is() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    delete_community(&admin, &tree.inside[1]).await;
    let answer = update(&admin, request(&tree.inside[1], named("Back"), &[])).await;
    let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    assert_eq!((&metadata["community"], &*metadata["state"]), (&tree.inside[1], "DELETED"));
    suspend_community(&admin, &tree.root).await;
    for place in [&tree.root, &tree.inside[0]] {
        let answer = update(&admin, request(place, named("Back"), &[])).await;
        let metadata = refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
        assert_eq!((&metadata["community"], &*metadata["state"]), (place, "SUSPENDED"));
    }
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let stale = get(&admin, &place).await.etag;
    let fresh = update(&admin, request(&place, named("First"), &[])).await.unwrap().etag;
    let second = |etag: String| request(&place, Community { etag, ..named("Second") }, &[]);
    let metadata = refused(update(&admin, second(stale)).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], place);
    assert_eq!(get(&admin, &place).await.display_name, "First");
    assert_eq!(update(&admin, second(fresh)).await.unwrap().display_name, "Second");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let bad = Community {
        display_name: "a\u{7}b".to_owned(),
        description: "d".repeat(1_001),
        website_uri: "javascript:alert(1)".to_owned(),
        ..Community::default()
    };
    let mut wrong = request(&place, bad, &[]);
    wrong.request_id = "42".to_owned();
    let fields = ["community.display_name", "community.description", "community.website_uri", "request_id"];
    refused_fields(update(&admin, wrong).await, &fields);
    for output_only in ["kind", "state"] {
        let masked = request(&place, named(""), &["display_name", output_only]);
        refused_fields(update(&admin, masked).await, &["community.display_name", "update_mask"]);
    }
    refused_fields(update(&admin, UpdateCommunityRequest::default()).await, &["community.name"]);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing_more() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let first = request(&place, named("First"), &[]);
    let made = update(&admin, first.clone()).await.unwrap();
    update(&admin, request(&place, named("Second"), &[])).await.unwrap();
    assert_eq!(update(&admin, first.clone()).await.unwrap(), made);
    assert_eq!(get(&admin, &place).await.display_name, "Second");
    let other =
        UpdateCommunityRequest { request_id: first.request_id, ..request(&place, named("Third"), &[]) };
    refused(update(&admin, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn neither_the_platform_nor_who_is_above_alone_may_do_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["manage_community"])]).await;
    let everywhere = holder(&admin, &tree.root, vec![grant(&tree.root, &["manage_community"])]).await;
    hand_over(&admin, &tree.root).await;
    for place in [&tree.root, &tree.inside[0]] {
        denied(update(&admin, request(place, named("Mine"), &[])).await, PERMISSION, place);
        update(&everywhere, request(place, named("Ours"), &[])).await.unwrap();
    }
    denied(update(&outer, request(&tree.inside[0], named("Mine"), &[])).await, PERMISSION, &tree.inside[0]);
    update(&outer, request(&tree.root, named("Mine"), &[])).await.unwrap();
}

#[tokio::test]
async fn of_many_who_saw_the_same_community_one_changes_it() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let etag = get(&admin, &place).await.etag;
    let attempt = |number| Community { etag: etag.clone(), ..named(&format!("Number {number}")) };
    let attempts = (0..8).map(|number| update(&admin, request(&place, attempt(number), &[])));
    let (changed, late): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(Result::is_ok);
    assert_eq!(changed.len(), 1);
    assert_eq!(&get(&admin, &place).await, changed[0].as_ref().unwrap());
    for answer in late {
        assert_eq!(refused(answer, Code::Aborted, "ETAG_MISMATCH")["resource"], place);
    }
}
