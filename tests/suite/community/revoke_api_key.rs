use sandbox::{Caller, until};
use tonic::{Code, Status};
use usher_api::community::{ApiKey, ApiKeyState, ListApiKeysRequest, RevokeApiKeyRequest};
use usher_api::identity::VerifyApiKeyRequest;
use usher_runtime::ApiKeySecret;

use super::get_api_key::get;
use super::{denied, may, outsiders};
use crate::support::acts::suspend_community;
use crate::support::keys::{account, key, key_request, living, make_key, revoke_key};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::age_end_of_key;
use crate::support::tree::{managed, mssp};

async fn revoke(caller: &Caller, request: RevokeApiKeyRequest) -> Result<ApiKey, Status> {
    Ok(caller.community().revoke_api_key(request).await?.into_inner().api_key.expect("it comes"))
}

/// The call is authenticated by the key, and by nothing else.
async fn uses(caller: &Caller, place: &str) -> Result<(), Status> {
    let request = ListApiKeysRequest { parent: place.to_owned(), ..ListApiKeysRequest::default() };
    caller.community().list_api_keys(request).await.map(|_| ())
}

#[tokio::test]
async fn from_the_answer_on_every_replica_refuses_it() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = key(&admin, &place, &["apiKeys.list", "members.list"]).await;
    let replicas = [made.caller.at_replica(0), made.caller.at_replica(1)];
    for replica in &replicas {
        uses(replica, &place).await.unwrap();
    }
    let revoked = revoke_key(&admin.caller, &made.key.name).await.unwrap();
    assert_eq!(revoked.state(), ApiKeyState::Revoked);
    assert!(revoked.revoke_time.is_some() && revoked.etag != made.key.etag);
    for replica in &replicas {
        refused(uses(replica, &place).await, Code::Unauthenticated, "TOKEN_INVALID");
    }
    assert!(!may(&made.key.name, &place, "members.list").await);
}

#[tokio::test]
async fn it_ends_in_every_service() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = key(&admin, &place, &["invitations.list"]).await;
    let list =
        || usher_api::invitation::ListInvitationsRequest { parent: place.clone(), ..Default::default() };
    made.caller.invitation().list_invitations(list()).await.unwrap();
    revoke_key(&admin.caller, &made.key.name).await.unwrap();
    let answer = made.caller.invitation().list_invitations(list()).await;
    refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
    let hash = ApiKeySecret::parse(&made.secret).unwrap().hash();
    let answer = admin.caller.service("alerts").identity().verify_api_key(VerifyApiKeyRequest { hash }).await;
    refused(answer, Code::NotFound, "API_KEY_NOT_FOUND");
}

#[tokio::test]
async fn a_key_may_revoke_keys_if_it_holds_that() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let (scanner, leaked) =
        (key(&admin, &place, &["apiKeys.revoke"]).await, key(&admin, &place, &["members.list"]).await);
    denied(revoke_key(&leaked.caller, &scanner.key.name).await, "apiKeys.revoke", &place);
    revoke_key(&scanner.caller, &leaked.key.name).await.unwrap();
    revoke_key(&scanner.caller, &scanner.key.name).await.unwrap();
    let answer = revoke_key(&scanner.caller, &scanner.key.name).await;
    refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test]
async fn refuses_whoever_may_not_revoke_keys_there() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let made = key(&admin, &tree.inside[0], &["members.list"]).await.key;
    for person in outsiders(&admin, &tree).await {
        denied(revoke_key(&person.caller, &made.name).await, "apiKeys.revoke", &tree.inside[0]);
    }
    let foreign = format!("{}/apiKeys/{}", tree.root, made.uid);
    let metadata = refused(revoke_key(&admin.caller, &foreign).await, Code::NotFound, "API_KEY_NOT_FOUND");
    assert_eq!(metadata["api_key"], foreign);
    refused_fields(revoke_key(&admin.caller, "key").await, &["name"]);
    assert!(may(&made.name, &tree.inside[0], "members.list").await);
    let (_, of_account) = account(&admin).await;
    let answer = revoke_key(&of_account.caller, &of_account.key.name).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    revoke_key(&admin.caller, &of_account.key.name).await.unwrap();
}

#[tokio::test]
async fn a_stopped_community_does_not_stand_in_the_way() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let made = key(&admin, &place, &["members.list"]).await.key;
    suspend_community(&admin, &place).await;
    assert_eq!(revoke_key(&admin.caller, &made.name).await.unwrap().state(), ApiKeyState::Revoked);
}

#[tokio::test]
async fn what_ended_is_forgotten_after_ninety_days_and_not_before() {
    let admin = admin().await;
    let place = managed(&admin).await;
    let old = key(&admin, &place, &["members.list"]).await.key.name;
    let expired = make_key(&admin, living(1, key_request(&place, &["members.list"]))).await.unwrap().key.name;
    let recent = key(&admin, &place, &["members.list"]).await.key.name;
    let unended = key(&admin, &place, &["members.list"]).await.key.name;
    for name in [&old, &recent] {
        revoke_key(&admin.caller, name).await.unwrap();
    }
    age_end_of_key(&old, 91).await;
    age_end_of_key(&expired, 91).await;
    age_end_of_key(&recent, 89).await;
    for name in [&old, &expired] {
        until("the sweeper forgets the key", || async { get(&admin.caller, name).await.err() }).await;
        refused(get(&admin.caller, name).await, Code::NotFound, "API_KEY_NOT_FOUND");
    }
    for name in [&recent, &unended] {
        get(&admin.caller, name).await.unwrap();
    }
}

#[tokio::test]
async fn it_is_revoked_once() {
    let admin = admin().await;
    let made = key(&admin, &managed(&admin).await, &["members.list"]).await.key;
    let request = |etag: &str| RevokeApiKeyRequest {
        name: made.name.clone(),
        etag: etag.to_owned(),
        request_id: request_id(),
    };
    let metadata = refused(revoke(&admin.caller, request("77")).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], made.name);
    let first = request(&made.etag);
    let revoked = revoke(&admin.caller, first.clone()).await.unwrap();
    assert_eq!(revoke(&admin.caller, first).await.unwrap(), revoked);
    let metadata =
        refused(revoke(&admin.caller, request("")).await, Code::FailedPrecondition, "API_KEY_NOT_ACTIVE");
    assert_eq!((&metadata["api_key"], &*metadata["state"]), (&made.name, "REVOKED"));
}
