use prost_types::FieldMask;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{ApiKey, UpdateApiKeyRequest};
use uuid::Uuid;

use super::{denied, may, outsiders};
use crate::support::acts::suspend_community;
use crate::support::keys::{account, key, named, revoke_key};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{managed, mssp};

async fn update(caller: &Caller, request: UpdateApiKeyRequest) -> Result<ApiKey, Status> {
    Ok(caller.community().update_api_key(request).await?.into_inner().api_key.expect("it comes"))
}

fn change(api_key: ApiKey, paths: &[&str]) -> UpdateApiKeyRequest {
    let update_mask = Some(FieldMask { paths: named(paths) }).filter(|mask| !mask.paths.is_empty());
    UpdateApiKeyRequest { api_key: Some(api_key), update_mask, request_id: request_id() }
}

#[tokio::test]
async fn changes_what_people_read_and_takes_permissions() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = key(&admin, &place, &["members.list", "roles.list"]).await.key;
    let asked = ApiKey {
        name: made.name.clone(),
        display_name: "Day shift".to_owned(),
        permissions: named(&["roles.list"]),
        description: "not in the mask".to_owned(),
        etag: made.etag.clone(),
        ..ApiKey::default()
    };
    let changed = update(&admin.caller, change(asked, &["display_name", "permissions"])).await.unwrap();
    assert_eq!((&*changed.display_name, &*changed.description), ("Day shift", ""));
    assert_eq!(changed.permissions, ["roles.list"]);
    assert_ne!(changed.etag, made.etag);
    assert!(may(&made.name, &place, "roles.list").await && !may(&made.name, &place, "members.list").await);
}

#[tokio::test]
async fn permissions_cannot_be_added() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = key(&admin, &place, &["members.list"]).await.key;
    let permissions = named(&["members.list", "roles.list"]);
    let asked = ApiKey { name: made.name.clone(), permissions, ..ApiKey::default() };
    let answer = update(&admin.caller, change(asked, &[])).await;
    let metadata = refused(answer, Code::FailedPrecondition, "API_KEY_GAINS_PERMISSION");
    assert_eq!((&metadata["api_key"], &*metadata["permissions"]), (&made.name, "roles.list"));
    assert!(!may(&made.name, &place, "roles.list").await);
}

#[tokio::test]
async fn refuses_whoever_may_not_make_keys_there() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let made = key(&admin, &tree.inside[0], &["apiKeys.create", "members.list"]).await;
    let asked = ApiKey { name: made.key.name.clone(), display_name: "Mine".to_owned(), ..ApiKey::default() };
    for person in outsiders(&admin, &tree).await {
        let answer = update(&person.caller, change(asked.clone(), &[])).await;
        denied(answer, "apiKeys.create", &tree.inside[0]);
    }
    let answer = update(&made.caller, change(asked.clone(), &[])).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    let foreign = ApiKey { name: format!("{}/apiKeys/{}", tree.inside[1], made.key.uid), ..asked };
    let metadata = refused(
        update(&admin.caller, change(foreign.clone(), &[])).await,
        Code::NotFound,
        "API_KEY_NOT_FOUND",
    );
    assert_eq!(metadata["api_key"], foreign.name);
}

#[tokio::test]
async fn what_has_ended_stays_as_it_is() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let made = key(&admin, &tree.inside[0], &["members.list"]).await.key;
    let asked = ApiKey { name: made.name.clone(), display_name: "Mine".to_owned(), ..ApiKey::default() };
    let stale = ApiKey { etag: "77".to_owned(), ..asked.clone() };
    let metadata = refused(update(&admin.caller, change(stale, &[])).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], made.name);
    revoke_key(&admin.caller, &made.name).await.unwrap();
    let answer = update(&admin.caller, change(asked.clone(), &[])).await;
    let metadata = refused(answer, Code::FailedPrecondition, "API_KEY_NOT_ACTIVE");
    assert_eq!((&metadata["api_key"], &*metadata["state"]), (&made.name, "REVOKED"));
    suspend_community(&admin, &tree.root).await;
    let answer = update(&admin.caller, change(asked, &[])).await;
    refused(answer, Code::FailedPrecondition, "COMMUNITY_NOT_ACTIVE");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let made = key(&admin, &managed(&admin).await, &["members.list"]).await.key;
    let asked = ApiKey { name: made.name, description: "a\u{7}b".to_owned(), ..ApiKey::default() };
    let mut bad = change(asked, &["display_name", "description", "permissions", "expire_time"]);
    bad.request_id = "42".to_owned();
    let fields =
        ["update_mask", "api_key.display_name", "api_key.description", "api_key.permissions", "request_id"];
    refused_fields(update(&admin.caller, bad).await, &fields);
    refused_fields(update(&admin.caller, UpdateApiKeyRequest::default()).await, &["api_key.name"]);
    let of_account = account(&admin).await.1.key.name;
    let holding = ApiKey { name: of_account, permissions: named(&["members.list"]), ..ApiKey::default() };
    refused_fields(update(&admin.caller, change(holding, &[])).await, &["api_key.permissions"]);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing() {
    let admin = admin().await;
    let made = key(&admin, &managed(&admin).await, &["members.list"]).await.key;
    let asked = ApiKey { name: made.name, display_name: "Mine".to_owned(), ..ApiKey::default() };
    let request = change(asked, &[]);
    let first = update(&admin.caller, request.clone()).await.unwrap();
    assert_eq!(update(&admin.caller, request.clone()).await.unwrap(), first);
    let mut other = request;
    other.api_key.as_mut().unwrap().display_name = Uuid::new_v4().to_string();
    refused(update(&admin.caller, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}
