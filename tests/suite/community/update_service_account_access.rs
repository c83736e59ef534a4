use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{Inheritance, ServiceAccountAccess, UpdateServiceAccountAccessRequest};
use uuid::Uuid;

use super::{alone, denied, holder, may, no_community, outsiders};
use crate::support::acts::suspend_community;
use crate::support::keys::{access_request, account, give, key, named};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, managed, mssp};

async fn set(
    caller: &Caller,
    request: UpdateServiceAccountAccessRequest,
) -> Result<ServiceAccountAccess, Status> {
    let answer = caller.community().update_service_account_access(request).await?;
    Ok(answer.into_inner().access.expect("it comes"))
}

#[tokio::test]
async fn sets_all_that_the_community_gives() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let account = account(&admin).await.0.name;
    let asked = access_request(&account, &tree.root, &["roles.list", "COMMUNITY_LIST_MEMBER"]);
    let given = set(&admin.caller, asked).await.unwrap();
    assert_eq!(given.permissions, ["members.list", "roles.list"]);
    assert_eq!(given.inheritance(), Inheritance::SelfAndDescendants);
    for place in [&tree.root, &tree.inside[0]] {
        assert!(may(&account, place, "members.list").await);
    }
    give(&admin, &account, &tree.root, &["roles.list"]).await;
    assert!(!may(&account, &tree.inside[0], "members.list").await);
    assert!(may(&account, &tree.inside[0], "roles.list").await);
    give(&admin, &account, &tree.root, &[]).await;
    assert!(!may(&account, &tree.root, "roles.list").await);
}

#[tokio::test]
async fn nobody_gives_more_than_he_holds_but_what_it_has_may_stay() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let account = account(&admin).await.0.name;
    give(&admin, &account, &place, &["members.delete"]).await;
    let keeper = holder(&admin, &place, vec![grant(&place, &["manage_api_keys"])]).await;
    give(&keeper, &account, &place, &["members.delete", "members.list"]).await;
    let asked = access_request(&account, &place, &["members.delete", "members.update"]);
    let metadata =
        refused(set(&keeper.caller, asked).await, Code::PermissionDenied, "API_KEY_EXCEEDS_AUTHORITY");
    assert_eq!((&metadata["community"], &*metadata["permissions"]), (&place, "members.update"));
    // To take all, nothing of it must be held.
    give(&keeper, &account, &place, &[]).await;
    assert!(!may(&account, &place, "members.delete").await);
}

#[tokio::test]
async fn what_reaches_farther_is_gained() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let account = account(&admin).await.0.name;
    let mut here = access_request(&account, &tree.root, &["members.list"]);
    here.access.as_mut().unwrap().set_inheritance(Inheritance::Self_);
    let outer = holder(&admin, &tree.root, vec![alone(&tree.root, &["admin"])]).await;
    set(&outer.caller, here).await.unwrap();
    let answer = set(&outer.caller, access_request(&account, &tree.root, &["members.list"])).await;
    refused(answer, Code::PermissionDenied, "API_KEY_EXCEEDS_AUTHORITY");
}

#[tokio::test]
async fn refuses_whoever_may_not_give_there() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let account = account(&admin).await.0.name;
    for person in outsiders(&admin, &tree).await {
        let given = set(&person.caller, access_request(&account, &tree.root, &["members.list"])).await;
        denied(given, "apiKeys.create", &tree.root);
        let taken = set(&person.caller, access_request(&account, &tree.root, &[])).await;
        denied(taken, "apiKeys.revoke", &tree.root);
    }
    let nowhere = no_community();
    let given = set(&admin.caller, access_request(&account, &nowhere, &["members.list"])).await;
    denied(given, "apiKeys.create", &nowhere);
    let maker = key(&admin, &tree.root, &["apiKeys.create", "members.list"]).await;
    let given = set(&maker.caller, access_request(&account, &tree.root, &["members.list"])).await;
    refused(given, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn community_and_account_must_be_there() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let gone = format!("serviceAccounts/{}", Uuid::new_v4());
    let answer = set(&admin.caller, access_request(&gone, &place, &["members.list"])).await;
    assert_eq!(refused(answer, Code::NotFound, "SERVICE_ACCOUNT_NOT_FOUND")["service_account"], gone);
    let account = account(&admin).await.0.name;
    let answer = set(&admin.caller, access_request(&account, &place, &["nothing.known"])).await;
    refused(answer, Code::InvalidArgument, "UNKNOWN_PERMISSION");
    suspend_community(&admin, &place).await;
    let answer = set(&admin.caller, access_request(&account, &place, &["members.list"])).await;
    refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
    // Taking is possible all the same.
    give(&admin, &account, &place, &[]).await;
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let account = account(&admin).await.0.name;
    let mut bad = access_request(&account, &place, &vec!["members.list"; 201]);
    bad.access.as_mut().unwrap().inheritance = 77;
    bad.request_id = "42".to_owned();
    refused_fields(
        set(&admin.caller, bad).await,
        &["access.permissions", "access.inheritance", "request_id"],
    );
    let empty = set(&admin.caller, UpdateServiceAccountAccessRequest::default()).await;
    refused_fields(empty, &["service_account", "access.community"]);
    let mut deep = access_request(&account, &place, &["members.list"]);
    deep.access.as_mut().unwrap().set_inheritance(Inheritance::SelfAndDescendants);
    refused_fields(set(&admin.caller, deep).await, &["access.inheritance"]);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let account = account(&admin).await.0.name;
    let request = access_request(&account, &place, &["members.list"]);
    let first = set(&admin.caller, request.clone()).await.unwrap();
    give(&admin, &account, &place, &[]).await;
    assert_eq!(set(&admin.caller, request.clone()).await.unwrap(), first);
    assert!(!may(&account, &place, "members.list").await);
    let mut other = request;
    other.access.as_mut().unwrap().permissions = named(&["roles.list"]);
    refused(set(&admin.caller, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}
