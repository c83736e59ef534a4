use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{ApiKeyUse, BatchGetApiKeyUsesRequest};
use uuid::Uuid;

use super::create_api_key::{community, create, name, verify};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};

async fn uses(caller: &Caller, names: Vec<String>) -> Result<Vec<ApiKeyUse>, Status> {
    let answer = caller.identity().batch_get_api_key_uses(BatchGetApiKeyUsesRequest { names }).await?;
    Ok(answer.into_inner().uses)
}

#[tokio::test]
async fn tells_of_those_that_were_used() {
    let (used, unused) = (name(), name());
    let secret = create(&community(), &used, None).await.unwrap();
    create(&community(), &unused, None).await.unwrap();
    verify(&secret).await.unwrap();
    let id = used.rsplit('/').next().unwrap();
    let made_up = format!("communities/{}/apiKeys/{id}", Uuid::new_v4());
    let told = uses(&community(), vec![unused, used.clone(), name()]).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].name == used && told[0].last_use_time.is_some());
    assert!(uses(&community(), vec![made_up]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_use_a_moment_later_is_not_written_down() {
    let name = name();
    let secret = create(&community(), &name, None).await.unwrap();
    verify(&secret).await.unwrap();
    let first = uses(&community(), vec![name.clone()]).await.unwrap();
    verify(&secret).await.unwrap();
    assert_eq!(uses(&community(), vec![name]).await.unwrap(), first);
}

#[tokio::test]
async fn refuses_others_and_what_are_no_names() {
    let admin = admin().await;
    for caller in [&admin.caller, &Caller::nobody().service("alerts")] {
        refused(uses(caller, vec![name()]).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    refused_fields(uses(&community(), Vec::new()).await, &["names"]);
    refused_fields(uses(&community(), vec![name(); 201]).await, &["names"]);
    refused_fields(uses(&community(), vec![name(), "key".to_owned()]).await, &["names[1]"]);
}
