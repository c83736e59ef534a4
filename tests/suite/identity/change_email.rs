use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{ChangeEmailRequest, VerifyEmailRequest};

use super::account_mails::{mail_to, skipped};
use super::get;
use crate::support::address;
use crate::support::mail::about;
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields, throttled};

fn request(email: &str) -> ChangeEmailRequest {
    ChangeEmailRequest {
        name: "users/me".to_owned(),
        email: email.to_owned(),
        current_password: PASSWORD.to_owned(),
    }
}

async fn change(caller: &Caller, request: ChangeEmailRequest) -> Result<(), Status> {
    caller.identity().change_email(request).await.map(|_| ())
}

#[tokio::test]
async fn mails_a_link_to_the_new_address_and_changes_nothing_yet() {
    let mira = Person::new("mira").await;
    let before = get(&mira.caller, "users/me").await.unwrap();
    let new = address("Mira.New");
    change(&mira.caller, request(&new)).await.unwrap();
    let mail = about(&new, "Confirm your new address").await;
    assert!(mail.link().starts_with("https://usher.test/verify-email/usher_act_"), "{mail:?}");
    assert_eq!(get(&mira.caller, "users/me").await.unwrap(), before);
}

#[tokio::test]
async fn says_the_same_for_an_address_that_somebody_has_and_mails_nothing() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    change(&mira.caller, request(&noor.email)).await.unwrap();
    skipped(&mail_to(&noor.email).await).await;
}

#[tokio::test]
async fn asking_again_ends_the_earlier_link() {
    let mira = Person::new("mira").await;
    let (first, second) = (address("first"), address("second"));
    change(&mira.caller, request(&first)).await.unwrap();
    let token = about(&first, "Confirm").await.token();
    change(&mira.caller, request(&second)).await.unwrap();
    let verify = VerifyEmailRequest { name: "users/me".to_owned(), token, ..VerifyEmailRequest::default() };
    refused(mira.caller.identity().verify_email(verify).await, Code::InvalidArgument, "MAIL_TOKEN_INVALID");
}

#[tokio::test]
async fn the_password_is_asked_for() {
    let mira = Person::new("mira").await;
    let wrong =
        ChangeEmailRequest { current_password: "not the password".to_owned(), ..request(&address("new")) };
    refused(change(&mira.caller, wrong).await, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    refused_fields(change(&mira.caller, ChangeEmailRequest::default()).await, &["name"]);
    let empty = ChangeEmailRequest { name: "users/me".to_owned(), ..ChangeEmailRequest::default() };
    refused_fields(change(&mira.caller, empty).await, &["email", "current_password"]);
}

#[tokio::test]
async fn ten_mails_a_day_are_the_most() {
    let mira = Person::new("mira").await;
    for _ in 0..10 {
        change(&mira.caller, request(&address("new"))).await.unwrap();
    }
    let answer = change(&mira.caller, request(&address("new"))).await;
    throttled(answer, "MAIL_THROTTLED", "MAILS_OF_ACCOUNT");
}

#[tokio::test]
async fn nobody_changes_the_address_of_another() {
    let (mira, admin) = (Person::new("mira").await, admin().await);
    let hers = || ChangeEmailRequest { name: mira.name.clone(), ..request(&address("new")) };
    refused(change(&admin.caller, hers()).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(change(&Caller::nobody(), hers()).await, Code::Unauthenticated, "TOKEN_MISSING");
}
