use std::collections::HashSet;

use futures::future::join_all;
use sandbox::Caller;
use tonic::Code;
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{ChangePasswordRequest, ConfirmTotpEnrollmentRequest};

use super::account_mails::{OTHER, reset, reset_request, reset_token};
use super::{change_row, get, id, refresh};
use crate::support::mail::about;
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{reason, refused, refused_fields};
use crate::support::request_id;
use crate::support::two_factor::{App, Enrolled, challenge, complete, confirm, forget_codes, start};

#[tokio::test]
async fn from_then_on_signing_in_takes_two_steps() {
    let mira = Person::new("mira").await;
    let before = get(&mira.caller, "users/me").await.unwrap();
    let app = App::reading(&start(&mira).await.unwrap().provisioning_uri);
    let answer = confirm(&mira, &app.code(0)).await.unwrap();
    assert_eq!(answer.backup_codes.iter().collect::<HashSet<_>>().len(), 10);
    assert_eq!(answer.credentials, None);
    assert_ne!(get(&mira.caller, "users/me").await.unwrap().etag, before.etag);
    let challenge = challenge(&mira.email).await;
    assert!(!challenge.enrollment_required && challenge.factors.len() == 2);
    about(&mira.email, "takes two steps from now on").await;
}

#[tokio::test]
async fn ends_all_sessions_but_the_one_that_calls() {
    let mira = Person::new("mira").await;
    let other = Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    let token = mira.credentials.refresh_token.clone();
    Enrolled::from(mira).await;
    refused(refresh(&other.credentials.refresh_token).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    refresh(&token).await.expect("the session of the call goes on");
}

#[tokio::test]
async fn another_app_takes_the_place_of_one_and_backup_codes_stay() {
    let mira = Enrolled::new("mira").await;
    let another = App::reading(&start(&mira.person).await.unwrap().provisioning_uri);
    mira.sign_in().await.expect("the first serves until the second does");
    let answer = confirm(&mira.person, &another.code(0)).await.unwrap();
    assert!(answer.backup_codes.is_empty());
    forget_codes(&mira.person.name).await;
    let old = complete(&mira.challenge().await.token, Proof::TotpCode(mira.app.code(0))).await;
    refused(old, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    complete(&mira.challenge().await.token, Proof::TotpCode(another.code(0))).await.unwrap();
    let backup = Proof::BackupCode(mira.backup_codes[0].clone());
    complete(&mira.challenge().await.token, backup).await.unwrap();
}

#[tokio::test]
async fn the_code_that_confirmed_does_not_sign_in() {
    let mira = Person::new("mira").await;
    let app = App::reading(&start(&mira).await.unwrap().provisioning_uri);
    let code = app.code(0);
    confirm(&mira, &code).await.unwrap();
    let again = complete(&challenge(&mira.email).await.token, Proof::TotpCode(code)).await;
    refused(again, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
}

#[tokio::test]
async fn nothing_that_was_not_started_or_is_over_is_confirmed() {
    let mira = Person::new("mira").await;
    refused(confirm(&mira, "123456").await, Code::FailedPrecondition, "ENROLLMENT_INVALID");
    let app = App::reading(&start(&mira).await.unwrap().provisioning_uri);
    let late = "UPDATE totp_enrollment SET expire_time = 1 WHERE account_id = $1";
    change_row(late, [id(&mira.name).into()]).await;
    refused(confirm(&mira, &app.code(0)).await, Code::FailedPrecondition, "ENROLLMENT_INVALID");
    refused_fields(confirm(&mira, "").await, &["totp_code"]);
}

/// Whoever knew the password has an access token for some minutes more.
#[tokio::test]
async fn an_enrolment_ends_with_the_sessions_in_which_it_may_have_begun() {
    let thief = Person::new("mira").await;
    let app = App::reading(&start(&thief).await.unwrap().provisioning_uri);
    reset(reset_request(&reset_token(&thief.email).await)).await.unwrap();
    refused(confirm(&thief, &app.code(0)).await, Code::Unauthenticated, "TOKEN_EXPIRED");
    let mira = Person::signed_in(&Caller::nobody(), &thief.email, OTHER).await;
    refused(confirm(&mira, &app.code(0)).await, Code::FailedPrecondition, "ENROLLMENT_INVALID");
}

#[tokio::test]
async fn who_began_before_the_password_was_changed_enrols_nothing() {
    let mira = Person::new("mira").await;
    let thief = Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    let app = App::reading(&start(&thief).await.unwrap().provisioning_uri);
    let request = ChangePasswordRequest {
        name: "users/me".to_owned(),
        current_password: PASSWORD.to_owned(),
        new_password: OTHER.to_owned(),
        request_id: request_id(),
    };
    mira.caller.identity().change_password(request).await.unwrap();
    // His access token is good for some minutes more, but not the session that it belongs to.
    refused(confirm(&thief, &app.code(0)).await, Code::Unauthenticated, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn wrong_codes_are_guesses() {
    let mira = Person::new("mira").await;
    let app = App::reading(&start(&mira).await.unwrap().provisioning_uri);
    for _ in 0..5 {
        refused(confirm(&mira, "000000").await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    }
    refused(confirm(&mira, &app.code(0)).await, Code::FailedPrecondition, "SIGN_IN_LOCKED");
}

#[tokio::test]
async fn of_several_at_once_one_is_told_the_backup_codes() {
    let mira = Person::new("mira").await;
    let app = App::reading(&start(&mira).await.unwrap().provisioning_uri);
    let code = app.code(0);
    let answers = join_all((0..4).map(|_| confirm(&mira, &code))).await;
    let (right, wrong): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(right.len(), 1);
    for answer in wrong {
        assert_eq!(reason(&answer.unwrap_err()), "ENROLLMENT_INVALID");
    }
}

#[tokio::test]
async fn everybody_enrols_himself() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    let app = App::reading(&start(&mira).await.unwrap().provisioning_uri);
    let request = ConfirmTotpEnrollmentRequest {
        name: mira.name.clone(),
        totp_code: app.code(0),
        ..Default::default()
    };
    let answer = noor.caller.identity().confirm_totp_enrollment(request).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
}
