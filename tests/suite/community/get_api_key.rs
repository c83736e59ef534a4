use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{ApiKey, GetApiKeyRequest, ListPermissionsRequest};
use uuid::Uuid;

use super::{denied, no_community, outsiders};
use crate::support::keys::{account, key};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::mssp;

pub async fn get(caller: &Caller, name: &str) -> Result<ApiKey, Status> {
    let request = GetApiKeyRequest { name: name.to_owned() };
    Ok(caller.community().get_api_key(request).await?.into_inner().api_key.expect("it comes"))
}

#[tokio::test]
async fn tells_when_it_was_used_but_not_what_it_is_known_by() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let made = key(&admin, &tree.inside[0], &["apiKeys.list", "members.list"]).await;
    assert!(get(&admin.caller, &made.key.name).await.unwrap().last_use_time.is_none());
    made.caller.community().list_permissions(ListPermissionsRequest::default()).await.unwrap();
    let seen = get(&made.caller, &made.key.name).await.unwrap();
    let used = seen.last_use_time.expect("it was used").seconds;
    assert!(used >= made.key.create_time.unwrap().seconds);
    assert_eq!(ApiKey { last_use_time: None, ..seen }, made.key);
}

#[tokio::test]
async fn refuses_whoever_may_not_see_keys_there() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let made = key(&admin, &tree.root, &["apiKeys.list"]).await.key.name;
    for person in outsiders(&admin, &tree).await {
        denied(get(&person.caller, &made).await, "apiKeys.list", &tree.root);
    }
    let worker = key(&admin, &tree.inside[0], &["members.list"]).await;
    denied(get(&worker.caller, &worker.key.name).await, "apiKeys.list", &tree.inside[0]);
    let of_account = account(&admin).await.1.key.name;
    let keeper = key(&admin, &tree.root, &["apiKeys.list"]).await;
    refused(get(&keeper.caller, &of_account).await, Code::PermissionDenied, "PERMISSION_DENIED");
    get(&admin.caller, &of_account).await.unwrap();
}

#[tokio::test]
async fn a_key_is_found_under_its_own_name_alone() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let id = key(&admin, &tree.inside[0], &["members.list"]).await.key.uid;
    for name in [format!("{}/apiKeys/{id}", tree.root), format!("{}/apiKeys/{}", tree.root, Uuid::new_v4())] {
        assert_eq!(
            refused(get(&admin.caller, &name).await, Code::NotFound, "API_KEY_NOT_FOUND")["api_key"],
            name
        );
    }
    let nowhere = no_community();
    denied(get(&admin.caller, &format!("{nowhere}/apiKeys/{id}")).await, "apiKeys.list", &nowhere);
    refused_fields(get(&admin.caller, "apiKeys/1").await, &["name"]);
}
