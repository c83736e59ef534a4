use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::RevokeApiKeyRequest;
use uuid::Uuid;

use super::create_api_key::{community, create, name, verify};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};

async fn revoke(caller: &Caller, name: &str) -> Result<(), Status> {
    caller.identity().revoke_api_key(RevokeApiKeyRequest { name: name.to_owned() }).await.map(|_| ())
}

#[tokio::test]
async fn a_revoked_key_stands_for_nobody_however_often_that_is_said() {
    let name = name();
    let secret = create(&community(), &name, None).await.unwrap();
    verify(&secret).await.unwrap();
    for _ in 0..2 {
        revoke(&community(), &name).await.unwrap();
        refused(verify(&secret).await, Code::NotFound, "API_KEY_NOT_FOUND");
    }
}

#[tokio::test]
async fn another_owner_with_the_same_id_does_not_revoke_it() {
    let name = name();
    let secret = create(&community(), &name, None).await.unwrap();
    let id = name.rsplit('/').next().unwrap();
    revoke(&community(), &format!("communities/{}/apiKeys/{id}", Uuid::new_v4())).await.unwrap();
    revoke(&community(), &format!("serviceAccounts/{}/apiKeys/{id}", Uuid::new_v4())).await.unwrap();
    assert_eq!(verify(&secret).await.unwrap(), name);
}

#[tokio::test]
async fn is_for_the_community_service_alone() {
    let admin = admin().await;
    for caller in [&admin.caller, &Caller::nobody().service("alerts")] {
        refused(revoke(caller, &name()).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    refused_fields(revoke(&community(), "apiKeys/1").await, &["name"]);
}
