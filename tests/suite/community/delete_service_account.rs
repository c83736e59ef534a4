use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::DeleteServiceAccountRequest;
use usher_api::community::ListPermissionsRequest;

use super::get_service_account::get;
use super::may;
use crate::support::keys::{account, give};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::managed;

async fn delete(caller: &Caller, request: DeleteServiceAccountRequest) -> Result<(), Status> {
    caller.community().delete_service_account(request).await.map(|_| ())
}

fn request(name: &str, etag: &str) -> DeleteServiceAccountRequest {
    DeleteServiceAccountRequest { name: name.to_owned(), etag: etag.to_owned(), request_id: request_id() }
}

#[tokio::test]
async fn ends_with_its_keys_and_all_that_it_was_given() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (made, key) = account(&admin).await;
    give(&admin, &made.name, &place, &["members.list"]).await;
    let calls = async || key.caller.community().list_permissions(ListPermissionsRequest::default()).await;
    calls().await.unwrap();
    let deletion = request(&made.name, "");
    delete(&admin.caller, deletion.clone()).await.unwrap();
    for replica in [0, 1] {
        let caller = key.caller.at_replica(replica);
        let answer = caller.community().list_permissions(ListPermissionsRequest::default()).await;
        refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
    }
    assert!(!may(&made.name, &place, "members.list").await);
    refused(get(&admin.caller, &made.name).await, Code::NotFound, "SERVICE_ACCOUNT_NOT_FOUND");
    delete(&admin.caller, deletion).await.unwrap();
    let again = delete(&admin.caller, request(&made.name, "")).await;
    assert_eq!(refused(again, Code::NotFound, "SERVICE_ACCOUNT_NOT_FOUND")["service_account"], made.name);
}

#[tokio::test]
async fn refuses_others_and_what_has_changed() {
    let admin = admin().await;
    let (made, key) = account(&admin).await;
    for caller in [&Person::new("mira").await.caller, &key.caller] {
        let answer = delete(caller, request(&made.name, "")).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let metadata =
        refused(delete(&admin.caller, request(&made.name, "77")).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], made.name);
    // Neither the account nor its keys have ended.
    key.caller.community().list_permissions(ListPermissionsRequest::default()).await.unwrap();
    let bad = DeleteServiceAccountRequest { request_id: "42".to_owned(), ..Default::default() };
    refused_fields(delete(&admin.caller, bad).await, &["name", "request_id"]);
}
