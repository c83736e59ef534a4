use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::community::{
    CreateServiceAccountRequest, GetServiceAccountRequest, ServiceAccount, ServiceAccountState,
};

use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

fn request(display_name: &str, description: &str) -> CreateServiceAccountRequest {
    let account = ServiceAccount {
        display_name: display_name.to_owned(),
        description: description.to_owned(),
        ..ServiceAccount::default()
    };
    CreateServiceAccountRequest { service_account: Some(account), request_id: request_id() }
}

async fn create(caller: &Caller, request: CreateServiceAccountRequest) -> Result<ServiceAccount, Status> {
    let answer = caller.community().create_service_account(request).await?;
    Ok(answer.into_inner().service_account.expect("it comes"))
}

#[tokio::test]
async fn makes_an_account_that_may_do_nothing_yet() {
    let admin = admin().await;
    let made = create(&admin.caller, request(" Importer ", "Brings people over.")).await.unwrap();
    assert_eq!((&*made.display_name, made.state()), ("Importer", ServiceAccountState::Enabled));
    assert!(made.access.is_empty() && made.name == format!("serviceAccounts/{}", made.uid));
    let request = GetServiceAccountRequest { name: made.name.clone() };
    let seen = admin.caller.community().get_service_account(request).await.unwrap().into_inner();
    assert_eq!(seen.service_account.unwrap(), made);
}

#[tokio::test]
async fn only_platform_administrators_make_accounts() {
    let mira = Person::new("mira").await;
    for caller in [&mira.caller, &mira.caller.service("alerts")] {
        let answer = create(caller, request("Importer", "")).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let mut bad = request("", &"d".repeat(1_001));
    bad.request_id = "42".to_owned();
    let fields = ["service_account.display_name", "service_account.description", "request_id"];
    refused_fields(create(&admin.caller, bad).await, &fields);
}

#[tokio::test]
async fn a_repeated_request_makes_one_account() {
    let admin = admin().await;
    let request = request("Importer", "");
    let (one, other) =
        tokio::join!(create(&admin.caller, request.clone()), create(&admin.caller, request.clone()));
    assert_eq!(one.unwrap(), other.unwrap());
    let mut changed = request;
    changed.service_account.as_mut().unwrap().description = "Another.".to_owned();
    refused(create(&admin.caller, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}
