use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{ApiKeyState, ListApiKeysRequest, ListApiKeysResponse};
use uuid::Uuid;

use super::{denied, holder, no_community, outsiders};
use crate::support::keys::{Key, account, key, key_request, living, make_key, revoke_key};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp};

async fn list(caller: &Caller, request: ListApiKeysRequest) -> Result<ListApiKeysResponse, Status> {
    Ok(caller.community().list_api_keys(request).await?.into_inner())
}

fn of(parent: &str) -> ListApiKeysRequest {
    ListApiKeysRequest { parent: parent.to_owned(), ..ListApiKeysRequest::default() }
}

async fn names(caller: &Caller, request: ListApiKeysRequest) -> Vec<String> {
    list(caller, request).await.unwrap().api_keys.into_iter().map(|key| key.name).collect()
}

fn names_of<const N: usize>(keys: [&Key; N]) -> Vec<String> {
    keys.map(|key| key.key.name.clone()).to_vec()
}

#[tokio::test]
async fn lists_by_state_newest_first() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let short = make_key(&admin, living(1, key_request(&place, &["members.list"]))).await.unwrap();
    let (ended, good) =
        (key(&admin, &place, &["members.list"]).await, key(&admin, &place, &["apiKeys.list"]).await);
    revoke_key(&admin.caller, &ended.key.name).await.unwrap();
    let in_state = |states: &[ApiKeyState]| ListApiKeysRequest {
        states: states.iter().map(|state| (*state).into()).collect(),
        ..of(&place)
    };
    until("the key expires", || async {
        (names(&admin.caller, in_state(&[ApiKeyState::Expired])).await == names_of([&short])).then_some(())
    })
    .await;
    assert_eq!(names(&good.caller, of(&place)).await, names_of([&good, &ended, &short]));
    assert_eq!(names(&admin.caller, in_state(&[ApiKeyState::Active])).await, names_of([&good]));
    assert_eq!(names(&admin.caller, in_state(&[ApiKeyState::Revoked])).await, names_of([&ended]));
    let both = [ApiKeyState::Active, ApiKeyState::Expired];
    assert_eq!(names(&admin.caller, in_state(&both)).await, names_of([&good, &short]));
    let listed = list(&admin.caller, of(&place)).await.unwrap().api_keys;
    assert!(listed[0].last_use_time.is_some() && listed[1].last_use_time.is_none());
}

#[tokio::test]
async fn searches_by_name_description_and_maker() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let other = holder(&admin, &place, vec![grant(&place, &["admin"])]).await;
    let mut request = key_request(&place, &["members.list"]);
    request.api_key.as_mut().unwrap().description = "Réveil du matin".to_owned();
    let morning = make_key(&other, request).await.unwrap();
    key(&admin, &place, &["members.list"]).await;
    let found = ListApiKeysRequest { search: "RE\u{301}VEIL".to_owned(), ..of(&place) };
    assert_eq!(names(&admin.caller, found).await, names_of([&morning]));
    let by_name = ListApiKeysRequest { search: morning.key.display_name.to_uppercase(), ..of(&place) };
    assert_eq!(names(&admin.caller, by_name).await, names_of([&morning]));
    let made = ListApiKeysRequest { creator: other.name.clone(), ..of(&place) };
    assert_eq!(names(&admin.caller, made).await, names_of([&morning]));
}

#[tokio::test]
async fn pages_show_each_key_once() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, key(&admin, &place, &["members.list"]).await.key.name);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(&admin.caller, ListApiKeysRequest { page_size: 2, page_token, ..of(&place) }).await;
        let page = page.unwrap();
        seen.extend(page.api_keys.into_iter().map(|key| key.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, expected);
    let first = list(&admin.caller, ListApiKeysRequest { page_size: 2, ..of(&place) }).await.unwrap();
    let page_token = first.next_page_token;
    let other = ListApiKeysRequest { page_token, search: "x".to_owned(), ..of(&place) };
    refused(list(&admin.caller, other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn shows_the_keys_of_its_parent_alone_to_those_who_may_see_them() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (above, inner) = (
        key(&admin, &tree.root, &["members.list"]).await,
        key(&admin, &tree.inside[0], &["members.list"]).await,
    );
    assert_eq!(names(&admin.caller, of(&tree.inside[0])).await, names_of([&inner]));
    assert_eq!(names(&admin.caller, of(&tree.root)).await, names_of([&above]));
    for person in outsiders(&admin, &tree).await {
        denied(list(&person.caller, of(&tree.root)).await, "apiKeys.list", &tree.root);
    }
    let nowhere = no_community();
    denied(list(&admin.caller, of(&nowhere)).await, "apiKeys.list", &nowhere);

    let (owner, key) = account(&admin).await;
    assert_eq!(names(&admin.caller, of(&owner.name)).await, names_of([&key]));
    refused(list(&key.caller, of(&owner.name)).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let gone = format!("serviceAccounts/{}", Uuid::new_v4());
    let metadata = refused(list(&admin.caller, of(&gone)).await, Code::NotFound, "SERVICE_ACCOUNT_NOT_FOUND");
    assert_eq!(metadata["service_account"], gone);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let bad = ListApiKeysRequest {
        page_size: -1,
        states: vec![0],
        creator: "mira".to_owned(),
        ..of(&managed(&admin).await)
    };
    refused_fields(list(&admin.caller, bad).await, &["page_size", "states[0]", "creator"]);
}
