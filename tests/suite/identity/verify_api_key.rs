use sandbox::{Caller, until};
use tonic::Code;
use usher_api::identity::VerifyApiKeyRequest;
use usher_runtime::{ApiKeySecret, Random};
use uuid::Uuid;

use super::create_api_key::{community, create, name, verify};
use crate::support::people::admin;
use crate::support::refusal::{reason, refused, refused_fields};

#[tokio::test]
async fn tells_whom_a_key_stands_for() {
    let of_community = name();
    let secret = create(&community(), &of_community, Some(3_600)).await.unwrap();
    assert_eq!(verify(&secret).await.unwrap(), of_community);
    let account = format!("serviceAccounts/{}", Uuid::new_v4());
    let secret = create(&community(), &format!("{account}/apiKeys/{}", Uuid::new_v4()), None).await.unwrap();
    assert_eq!(verify(&secret).await.unwrap(), account);
}

#[tokio::test]
async fn a_key_whose_time_is_over_stands_for_nobody() {
    let secret = create(&community(), &name(), Some(1)).await.unwrap();
    until("the key expires", || async {
        let status = verify(&secret).await.err()?;
        (status.code() == Code::FailedPrecondition && reason(&status) == "API_KEY_EXPIRED").then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_knows_a_key_that_was_never_made() {
    let secret = ApiKeySecret::generate(&Random::system());
    refused(verify(secret.expose()).await, Code::NotFound, "API_KEY_NOT_FOUND");
}

#[tokio::test]
async fn is_for_services_alone() {
    let request = |length| VerifyApiKeyRequest { hash: vec![7; length] };
    let admin = admin().await;
    let answer = admin.caller.identity().verify_api_key(request(32)).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    let service = Caller::nobody().service("alerts");
    refused_fields(service.identity().verify_api_key(request(31)).await, &["hash"]);
}
