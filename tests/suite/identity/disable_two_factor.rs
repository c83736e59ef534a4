use tonic::{Code, Status};
use usher_api::identity::{AssessPasswordRequest, ChangePasswordRequest, DisableTwoFactorRequest};

use super::get;
use crate::support::mail::about;
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::two_factor::{Enrolled, authenticate};

/// Long enough beside a second factor, and not alone.
const SHORT: &str = "vq0!zr2@mw";

async fn disable(actor: &Person, name: &str, password: &str) -> Result<(), Status> {
    let request = DisableTwoFactorRequest { name: name.to_owned(), current_password: password.to_owned() };
    actor.caller.identity().disable_two_factor(request).await.map(|_| ())
}

async fn change_password(person: &Person, from: &str, to: &str) -> Result<(), Status> {
    let request = ChangePasswordRequest {
        name: "users/me".to_owned(),
        current_password: from.to_owned(),
        new_password: to.to_owned(),
        request_id: request_id(),
    };
    person.caller.identity().change_password(request).await.map(|_| ())
}

#[tokio::test]
async fn makes_the_password_enough() {
    let mira = Enrolled::new("mira").await;
    let before = get(&mira.person.caller, "users/me").await.unwrap();
    disable(&mira.person, "users/me", PASSWORD).await.unwrap();
    assert!(authenticate(&mira.person.email, PASSWORD).await.unwrap().credentials.is_some());
    assert_ne!(get(&mira.person.caller, "users/me").await.unwrap().etag, before.etag);
    about(&mira.person.email, "takes only the password from now on").await;
    let again = disable(&mira.person, "users/me", PASSWORD).await;
    refused(again, Code::FailedPrecondition, "TWO_FACTOR_NOT_ENABLED");
}

#[tokio::test]
async fn a_password_that_is_too_short_alone_is_changed_first() {
    let person = Person::new("mira").await;
    refused_fields(change_password(&person, PASSWORD, SHORT).await, &["new_password"]);
    let mira = Enrolled::from(person).await.person;
    let thought = AssessPasswordRequest { password: SHORT.to_owned(), ..Default::default() };
    let judged = mira.caller.identity().assess_password(thought).await.unwrap().into_inner();
    assert!(judged.acceptable);
    change_password(&mira, PASSWORD, SHORT).await.unwrap();
    let metadata =
        refused(disable(&mira, "users/me", SHORT).await, Code::FailedPrecondition, "PASSWORD_TOO_SHORT");
    assert_eq!(metadata["user"], mira.name);
    change_password(&mira, SHORT, PASSWORD).await.unwrap();
    disable(&mira, "users/me", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_person_and_the_password_are_needed() {
    let (mira, noor) = (Enrolled::new("mira").await, Person::new("noor").await);
    refused(disable(&noor, &mira.person.name, PASSWORD).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let wrong = disable(&mira.person, "users/me", "not the password").await;
    refused(wrong, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    refused_fields(disable(&mira.person, "users/me", "").await, &["current_password"]);
}
