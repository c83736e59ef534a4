use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::ConfirmPasswordRequest;

use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};

async fn confirm(caller: &Caller, name: &str, password: &str) -> Result<(), Status> {
    let request = ConfirmPasswordRequest { name: name.to_owned(), current_password: password.to_owned() };
    caller.identity().confirm_password(request).await.map(drop)
}

#[tokio::test]
async fn tells_whether_the_person_knows_it_a_few_times() {
    let mira = Person::new("mira").await;
    let community = Caller::nobody().service("community").on_behalf_of(&mira.credentials.access_token);
    confirm(&community, &mira.name, PASSWORD).await.unwrap();
    refused_fields(confirm(&community, "users/me", "").await, &["current_password"]);
    for _ in 0..5 {
        let answer = confirm(&community, "users/me", "not the password").await;
        refused(answer, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    }
    let answer = confirm(&community, "users/me", PASSWORD).await;
    refused(answer, Code::FailedPrecondition, "SIGN_IN_LOCKED");
}

#[tokio::test]
async fn is_for_the_community_service_on_behalf_of_the_person() {
    let (mira, admin) = (Person::new("mira").await, admin().await);
    for caller in [&mira.caller, &admin.caller, &Caller::nobody().service("invitation")] {
        let answer = confirm(caller, &mira.name, PASSWORD).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let community = Caller::nobody().service("community");
    let answer = confirm(&community, &mira.name, PASSWORD).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    let for_another = community.on_behalf_of(&admin.credentials.access_token);
    refused(confirm(&for_another, &mira.name, PASSWORD).await, Code::PermissionDenied, "PERMISSION_DENIED");
}
