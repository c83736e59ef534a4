use sandbox::Caller;
use tonic::{Code, Status};
use url::Url;
use usher_api::identity::{RevokeSessionRequest, StartTotpEnrollmentRequest, StartTotpEnrollmentResponse};

use super::{change_row, id, session_id, session_name};
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::two_factor::{App, Enrolled, authenticate, confirm, start};

async fn ask(caller: &Caller, name: &str, password: &str) -> Result<StartTotpEnrollmentResponse, Status> {
    let request = StartTotpEnrollmentRequest {
        name: name.to_owned(),
        current_password: password.to_owned(),
        challenge_token: String::new(),
    };
    caller.identity().start_totp_enrollment(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn gives_an_app_all_that_it_needs() {
    let mira = Person::new("mira").await;
    let started = ask(&mira.caller, "users/me", PASSWORD).await.unwrap();
    let uri = Url::parse(&started.provisioning_uri).unwrap();
    assert_eq!((uri.scheme(), uri.host_str()), ("otpauth", Some("totp")));
    let query: Vec<_> = uri.query_pairs().collect();
    assert!(query.contains(&("secret".into(), started.secret.as_str().into())), "{uri}");
    assert!(query.contains(&("issuer".into(), "Usher".into())), "{uri}");
    // 160 bits.
    assert_eq!(started.secret.len(), 32);
    assert!(started.qr_code_svg.starts_with("<?xml") && started.qr_code_svg.ends_with("</svg>"));
    assert!(started.expire_time.is_some());
}

#[tokio::test]
async fn of_several_the_last_counts_and_none_before_it_is_confirmed() {
    let mira = Person::new("mira").await;
    let first = start(&mira).await.unwrap();
    let second = start(&mira).await.unwrap();
    assert_ne!(first.secret, second.secret);
    assert!(authenticate(&mira.email, PASSWORD).await.unwrap().credentials.is_some());
    let code = App::reading(&first.provisioning_uri).code(0);
    refused(confirm(&mira, &code).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    confirm(&mira, &App::reading(&second.provisioning_uri).code(0)).await.unwrap();
}

#[tokio::test]
async fn the_password_is_asked_for() {
    let mira = Person::new("mira").await;
    let wrong = ask(&mira.caller, "users/me", "not the password").await;
    refused(wrong, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    refused_fields(ask(&mira.caller, "users/me", "").await, &["current_password"]);
}

#[tokio::test]
async fn who_has_no_password_must_have_signed_in_a_moment_ago() {
    let mira = Person::new("mira").await;
    let forget = "UPDATE account SET password_hash = '' WHERE id = $1";
    change_row(forget, [id(&mira.name).into()]).await;
    ask(&mira.caller, "users/me", "").await.unwrap();
    let age = "UPDATE session SET create_time = create_time - 600000001 WHERE id = $1";
    change_row(age, [session_id(&mira.credentials).into()]).await;
    let late = ask(&mira.caller, "users/me", "").await;
    refused(late, Code::FailedPrecondition, "SIGN_IN_NOT_RECENT");
}

#[tokio::test]
async fn a_session_that_was_ended_stands_for_no_password() {
    let mira = Person::new("mira").await;
    let forget = "UPDATE account SET password_hash = '' WHERE id = $1";
    change_row(forget, [id(&mira.name).into()]).await;
    let request = RevokeSessionRequest { name: session_name(&mira.credentials), request_id: request_id() };
    mira.caller.identity().revoke_session(request).await.unwrap();
    let ended = ask(&mira.caller, "users/me", "").await;
    refused(ended, Code::FailedPrecondition, "SIGN_IN_NOT_RECENT");
}

#[tokio::test]
async fn everybody_enrols_himself() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    refused(ask(&noor.caller, &mira.name, PASSWORD).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(ask(&Caller::nobody(), &mira.name, PASSWORD).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(ask(&Caller::nobody(), "users/me", PASSWORD).await, Code::Unauthenticated, "TOKEN_MISSING");
    refused_fields(ask(&mira.caller, "mira", PASSWORD).await, &["name"]);
}

#[tokio::test]
async fn a_challenge_that_asks_for_a_proof_does_not_let_anybody_enrol() {
    let mira = Enrolled::new("mira").await;
    for token in [mira.challenge().await.token, "usher_ch_x".to_owned()] {
        let request = StartTotpEnrollmentRequest { challenge_token: token, ..Default::default() };
        let answer = Caller::nobody().identity().start_totp_enrollment(request).await;
        refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
    }
}
