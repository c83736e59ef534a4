use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{BatchLookupUsersRequest, User};

use super::get;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};

async fn look_up(caller: &Caller, emails: Vec<String>) -> Result<Vec<Option<User>>, Status> {
    let answer = caller.identity().batch_lookup_users(BatchLookupUsersRequest { emails }).await?;
    Ok(answer.into_inner().users.into_iter().map(|found| found.user).collect())
}

#[tokio::test]
async fn finds_each_by_any_spelling_in_the_order_that_was_asked_for() {
    let (mira, noor) = (Person::new("Mira").await, Person::new("noor").await);
    let emails =
        vec![noor.email.to_uppercase(), address("nobody"), format!(" {}", mira.email), noor.email.clone()];
    let found = look_up(&Caller::nobody().service("invitation"), emails).await.unwrap();
    let mira = Some(get(&mira.caller, "users/me").await.unwrap());
    let noor = Some(get(&noor.caller, "users/me").await.unwrap());
    assert_eq!(found, [noor.clone(), None, mira, noor]);
}

#[tokio::test]
async fn refuses_what_is_no_address_and_too_many() {
    let service = Caller::nobody().service("invitation");
    refused_fields(look_up(&service, Vec::new()).await, &["emails"]);
    refused_fields(look_up(&service, vec![address("mira"); 201]).await, &["emails"]);
    let wrong = vec![address("mira"), "mira@".to_owned(), String::new()];
    refused_fields(look_up(&service, wrong).await, &["emails[1]", "emails[2]"]);
}

#[tokio::test]
async fn is_for_the_invitation_service_alone() {
    let (nobody, mira, admin) = (Caller::nobody(), Person::new("mira").await, admin().await);
    for caller in [&mira.caller, &admin.caller, &nobody.service("alerts")] {
        let answer = look_up(caller, vec![mira.email.clone()]).await;
        refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
}
