use std::collections::HashSet;

use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{AuthenticateRequest, CreateUserRequest, Credentials};

use super::{change_row, claims, get, id, row};
use crate::support::people::{PASSWORD, Person, TERMS};
use crate::support::refusal::{refused, refused_fields};
use crate::support::{address, request_id};

async fn sign_in(email: &str, password: &str) -> Result<Credentials, Status> {
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        ..AuthenticateRequest::default()
    };
    let answer = Caller::nobody().identity().authenticate(request).await?;
    Ok(answer.into_inner().credentials.expect("they come"))
}

#[tokio::test]
async fn gives_credentials_that_open_the_account() {
    let mira = Person::new("mira").await;
    let credentials = sign_in(&mira.email, PASSWORD).await.unwrap();
    assert_eq!(credentials.user, mira.name);
    assert!(credentials.refresh_token.starts_with("usher_rt_"));
    let caller = Caller::nobody().bearing(&credentials.access_token);
    assert_eq!(get(&caller, "users/me").await.unwrap().email, mira.email);

    let claims = claims(&credentials.access_token);
    let (made, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(ends - made, 15 * 60);
    assert_eq!(credentials.access_token_expire_time.unwrap().seconds, ends);
    // The session begins a moment before its first token is made.
    let (session_life, month) = (credentials.session_expire_time.unwrap().seconds - made, 30 * 24 * 60 * 60);
    assert!((month - 60..=month).contains(&session_life), "{session_life}");
}

#[tokio::test]
async fn finds_the_account_by_any_spelling_of_its_address() {
    let mira = Person::new("Zoë").await;
    for spelling in
        [mira.email.to_uppercase(), mira.email.replace("Zoë", "zoe\u{308}"), format!(" {} ", mira.email)]
    {
        assert_eq!(sign_in(&spelling, PASSWORD).await.unwrap().user, mira.name, "{spelling}");
    }
}

#[tokio::test]
async fn takes_the_password_as_any_keyboard_writes_it() {
    let email = address("mira");
    let request = CreateUserRequest {
        email: email.clone(),
        full_name: "Mira".to_owned(),
        password: "quatre cafés à Gênes".to_owned(),
        terms_version: TERMS.to_owned(),
        request_id: request_id(),
        ..CreateUserRequest::default()
    };
    Caller::nobody().service("invitation").identity().create_user(request).await.unwrap();
    sign_in(&email, "quatre cafe\u{301}s a\u{300} Ge\u{302}nes").await.unwrap();
    refused(sign_in(&email, "quatre cafes a Genes").await, Code::Unauthenticated, "CREDENTIALS_INVALID");
}

#[tokio::test]
async fn an_unknown_account_and_a_wrong_password_get_one_answer() {
    let mira = Person::new("mira").await;
    let wrong = sign_in(&mira.email, "not the password").await.unwrap_err();
    let unknown = sign_in(&address("mira"), "not the password").await.unwrap_err();
    let seen = |status: &Status| (status.code(), status.message().to_owned(), status.details().to_vec());
    assert_eq!(seen(&wrong), seen(&unknown));
    refused(Err::<(), _>(wrong), Code::Unauthenticated, "CREDENTIALS_INVALID");
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    refused_fields(sign_in("", "").await, &["email", "password"]);
    refused_fields(sign_in("mira", &"x".repeat(1_025)).await, &["email", "password"]);
}

#[tokio::test]
async fn each_success_is_a_session_of_its_own() {
    let mira = Person::new("mira").await;
    let (one, other) = tokio::join!(sign_in(&mira.email, PASSWORD), sign_in(&mira.email, PASSWORD));
    let all = [one.unwrap(), other.unwrap(), mira.credentials];
    let sessions: HashSet<_> = all.iter().map(|it| claims(&it.access_token)["sid"].to_string()).collect();
    let tokens: HashSet<_> = all.iter().map(|it| &it.refresh_token).collect();
    assert_eq!((sessions.len(), tokens.len()), (3, 3));
}

#[tokio::test]
async fn a_hash_that_was_made_with_less_work_is_made_anew() {
    // Of the same password, with 64 KiB.
    const WEAK: &str =
        "$argon2id$v=19$m=64,t=1,p=1$YSBzYWx0IGZvciB0ZXN0cw$ilnsJBMIDcX8QD0iIeU0A5ALXHa8eoFWQRFuKrkCf9A";
    let mira = Person::new("mira").await;
    let account = id(&mira.name);
    let stored = || async {
        let row = row("SELECT password_hash FROM account WHERE id = $1", [account.into()]).await;
        row.try_get::<String>("", "password_hash").unwrap()
    };
    change_row("UPDATE account SET password_hash = $1 WHERE id = $2", [WEAK.into(), account.into()]).await;

    refused(sign_in(&mira.email, "not the password").await, Code::Unauthenticated, "CREDENTIALS_INVALID");
    assert_eq!(stored().await, WEAK);
    sign_in(&mira.email, PASSWORD).await.unwrap();
    let renewed = stored().await;
    assert!(renewed.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{renewed}");
    sign_in(&mira.email, PASSWORD).await.unwrap();
    assert_eq!(stored().await, renewed);
}
