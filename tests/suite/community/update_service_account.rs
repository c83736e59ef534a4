use prost_types::FieldMask;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{ServiceAccount, ServiceAccountState, UpdateServiceAccountRequest};
use uuid::Uuid;

use super::may;
use crate::support::keys::{account, give, may_for, named};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::mssp;

async fn update(caller: &Caller, request: UpdateServiceAccountRequest) -> Result<ServiceAccount, Status> {
    let answer = caller.community().update_service_account(request).await?;
    Ok(answer.into_inner().service_account.expect("it comes"))
}

fn change(account: ServiceAccount, paths: &[&str]) -> UpdateServiceAccountRequest {
    let update_mask = Some(FieldMask { paths: named(paths) }).filter(|mask| !mask.paths.is_empty());
    UpdateServiceAccountRequest { service_account: Some(account), update_mask, request_id: request_id() }
}

fn with_state(name: &str, state: ServiceAccountState) -> UpdateServiceAccountRequest {
    let account = ServiceAccount { name: name.to_owned(), state: state.into(), ..ServiceAccount::default() };
    change(account, &[])
}

#[tokio::test]
async fn a_disabled_account_may_do_nothing_until_it_is_enabled_again() {
    let admin = admin().await;
    let tree = mssp(&admin, 1).await;
    let (made, key) = account(&admin).await;
    let given = ["communities.get", "serviceAccounts.represent"];
    give(&admin, &made.name, &tree.root, &given).await;
    let place = &tree.inside[0];
    let sees = async || {
        let request = usher_api::community::GetCommunityRequest { name: place.clone() };
        key.caller.community().get_community(request).await.map(|_| ())
    };
    sees().await.unwrap();
    let disabled =
        update(&admin.caller, with_state(&made.name, ServiceAccountState::Disabled)).await.unwrap();
    assert_eq!((disabled.state(), disabled.access.len()), (ServiceAccountState::Disabled, 1));
    refused(sees().await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(!may(&made.name, place, "communities.get").await);
    assert!(!may_for(&made.name, &admin.name, place, "communities.get").await);
    update(&admin.caller, with_state(&made.name, ServiceAccountState::Enabled)).await.unwrap();
    sees().await.unwrap();
    assert!(may_for(&made.name, &admin.name, place, "communities.get").await);
}

#[tokio::test]
async fn changes_what_the_mask_names() {
    let admin = admin().await;
    let made = account(&admin).await.0;
    let asked = ServiceAccount {
        name: made.name.clone(),
        display_name: "not in the mask".to_owned(),
        description: "Brings people over.".to_owned(),
        etag: made.etag.clone(),
        ..ServiceAccount::default()
    };
    let changed = update(&admin.caller, change(asked.clone(), &["description"])).await.unwrap();
    assert_eq!((changed.display_name, &*changed.description), (made.display_name, "Brings people over."));
    let metadata =
        refused(update(&admin.caller, change(asked, &["description"])).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(metadata["resource"], made.name);
}

#[tokio::test]
async fn only_platform_administrators_change_accounts() {
    let admin = admin().await;
    let (made, key) = account(&admin).await;
    let request = with_state(&made.name, ServiceAccountState::Disabled);
    for caller in [&Person::new("mira").await.caller, &key.caller] {
        let answer = update(caller, request.clone()).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let gone = format!("serviceAccounts/{}", Uuid::new_v4());
    let answer = update(&admin.caller, with_state(&gone, ServiceAccountState::Disabled)).await;
    refused(answer, Code::NotFound, "SERVICE_ACCOUNT_NOT_FOUND");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let made = account(&admin).await.0;
    let asked = ServiceAccount { name: made.name, ..ServiceAccount::default() };
    let mut bad = change(asked, &["display_name", "state", "access"]);
    bad.request_id = "42".to_owned();
    let fields = ["update_mask", "service_account.display_name", "service_account.state", "request_id"];
    refused_fields(update(&admin.caller, bad).await, &fields);
    let nameless = update(&admin.caller, UpdateServiceAccountRequest::default()).await;
    refused_fields(nameless, &["service_account.name"]);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing() {
    let admin = admin().await;
    let made = account(&admin).await.0;
    let request = with_state(&made.name, ServiceAccountState::Disabled);
    let first = update(&admin.caller, request.clone()).await.unwrap();
    update(&admin.caller, with_state(&made.name, ServiceAccountState::Enabled)).await.unwrap();
    assert_eq!(update(&admin.caller, request).await.unwrap(), first);
    let seen = super::get_service_account::get(&admin.caller, &made.name).await.unwrap();
    assert_eq!(seen.state(), ServiceAccountState::Enabled);
}
