use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{Credentials, RefreshSessionRequest};
use uuid::Uuid;

use super::{change_row, get, row, session_id};
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

async fn refresh(token: &str, request_id: &str) -> Result<Credentials, Status> {
    refresh_at(0, token, request_id).await
}

async fn refresh_at(replica: usize, token: &str, request_id: &str) -> Result<Credentials, Status> {
    let request =
        RefreshSessionRequest { refresh_token: token.to_owned(), request_id: request_id.to_owned() };
    let answer = Caller::nobody().at_replica(replica).identity().refresh_session(request).await?;
    Ok(answer.into_inner().credentials.expect("they come"))
}

/// The token that comes for `token`.
async fn next(token: &str) -> String {
    refresh(token, &request_id()).await.expect("the token is good").refresh_token
}

async fn refused_as(reason: &str, token: &str, request_id: &str) {
    refused(refresh(token, request_id).await, Code::Unauthenticated, reason);
}

/// A new session: its credentials.
async fn session() -> Credentials {
    Person::new("mira").await.credentials
}

/// Lets the session's last refresh be as long ago as no client repeats it.
async fn let_the_grace_pass(credentials: &Credentials) {
    let sql = "UPDATE session SET rotate_time = rotate_time - 11000000 WHERE id = $1";
    change_row(sql, [session_id(credentials).into()]).await;
}

#[tokio::test]
async fn exchanges_a_token_for_new_credentials_of_the_same_session() {
    let mira = Person::new("mira").await;
    let mut newest = mira.credentials.clone();
    for _ in 0..3 {
        let fresh = refresh(&newest.refresh_token, &request_id()).await.unwrap();
        assert_eq!((&fresh.user, session_id(&fresh)), (&mira.name, session_id(&newest)));
        assert_ne!(fresh.refresh_token, newest.refresh_token);
        assert_ne!(fresh.access_token, newest.access_token);
        let caller = Caller::nobody().bearing(&fresh.access_token);
        assert_eq!(get(&caller, "users/me").await.unwrap().name, mira.name);
        newest = fresh;
    }
    refresh(&newest.refresh_token, "").await.expect("a request id is not required");
}

#[tokio::test]
async fn a_refresh_puts_the_end_of_the_session_off() {
    let session = session().await;
    let soon = "UPDATE session SET expire_time = expire_time - 2500000000000 WHERE id = $1";
    change_row(soon, [session_id(&session).into()]).await;
    let fresh = refresh(&session.refresh_token, &request_id()).await.unwrap();
    assert!(fresh.session_expire_time.unwrap().seconds >= session.session_expire_time.unwrap().seconds);
}

#[tokio::test]
async fn a_session_that_nobody_refreshed_in_time_is_over() {
    let session = session().await;
    let over = "UPDATE session SET expire_time = expire_time - 2592001000000 WHERE id = $1";
    change_row(over, [session_id(&session).into()]).await;
    refused_as("REFRESH_TOKEN_INVALID", &session.refresh_token, &request_id()).await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_request_id() {
    let (session, request) = (session().await, request_id());
    let lost = refresh(&session.refresh_token, &request).await.unwrap();
    let again = refresh(&session.refresh_token, &request).await.unwrap();
    assert_eq!(session_id(&again), session_id(&lost));
    assert_ne!(again.refresh_token, lost.refresh_token);
    next(&next(&again.refresh_token).await).await;
}

#[tokio::test]
async fn whoever_has_the_lost_answer_and_uses_it_ends_the_session() {
    let (session, request) = (session().await, request_id());
    let lost = refresh(&session.refresh_token, &request).await.unwrap();
    let again = refresh(&session.refresh_token, &request).await.unwrap();
    refused_as("REFRESH_TOKEN_REUSED", &lost.refresh_token, &request_id()).await;
    refused_as("REFRESH_TOKEN_INVALID", &again.refresh_token, &request_id()).await;
}

#[tokio::test]
async fn another_request_with_the_token_is_refused_and_does_no_harm() {
    let session = session().await;
    let fresh = next(&session.refresh_token).await;
    refused_as("REFRESH_TOKEN_INVALID", &session.refresh_token, &request_id()).await;
    refused_as("REFRESH_TOKEN_INVALID", &session.refresh_token, "").await;
    next(&fresh).await;
}

#[tokio::test]
async fn without_a_request_id_nothing_is_repeated() {
    let session = session().await;
    let fresh = refresh(&session.refresh_token, "").await.unwrap();
    refused_as("REFRESH_TOKEN_INVALID", &session.refresh_token, "").await;
    next(&fresh.refresh_token).await;
}

#[tokio::test]
async fn a_token_that_comes_back_later_ends_the_session() {
    let (session, request) = (session().await, request_id());
    let fresh = refresh(&session.refresh_token, &request).await.unwrap();
    let_the_grace_pass(&session).await;
    refused_as("REFRESH_TOKEN_REUSED", &session.refresh_token, &request).await;
    for token in [&session.refresh_token, &fresh.refresh_token] {
        refused_as("REFRESH_TOKEN_INVALID", token, &request_id()).await;
    }
}

#[tokio::test]
async fn a_token_is_recognised_however_often_the_session_was_refreshed_since() {
    let session = session().await;
    let mut newest = next(&session.refresh_token).await;
    for _ in 0..3 {
        newest = next(&newest).await;
    }
    refused_as("REFRESH_TOKEN_REUSED", &session.refresh_token, &request_id()).await;
    refused_as("REFRESH_TOKEN_INVALID", &newest, &request_id()).await;
}

#[tokio::test]
async fn other_sessions_of_the_person_go_on() {
    let mira = Person::new("mira").await;
    let other = Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    next(&next(&mira.credentials.refresh_token).await).await;
    refused_as("REFRESH_TOKEN_REUSED", &mira.credentials.refresh_token, &request_id()).await;
    next(&other.credentials.refresh_token).await;
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_succeeds() {
    let session = session().await;
    let request_ids: Vec<_> = (0..32).map(|_| request_id()).collect();
    let all = request_ids.iter().enumerate();
    let answers = join_all(all.map(|(place, id)| refresh_at(place, &session.refresh_token, id))).await;
    let (fresh, refusals): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(fresh.len(), 1);
    for refusal in refusals {
        refused(refusal, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    }
    next(&fresh[0].as_ref().unwrap().refresh_token).await;
}

#[tokio::test]
async fn unknown_and_malformed_tokens_get_one_answer() {
    let session = session().await;
    let unknown = format!("usher_rt_{}", "A".repeat(43));
    let cut = &session.refresh_token[..session.refresh_token.len() - 1];
    let bare = session.refresh_token.trim_start_matches("usher_rt_");
    for token in ["x", "usher_rt_", &unknown, cut, bare, &session.access_token] {
        refused_as("REFRESH_TOKEN_INVALID", token, &request_id()).await;
    }
    next(&session.refresh_token).await;
}

#[tokio::test]
async fn half_a_token_opens_nothing() {
    let session = session().await;
    let bare = session.refresh_token.trim_start_matches("usher_rt_");
    let mut bytes = URL_SAFE_NO_PAD.decode(bare).unwrap();
    bytes[31] ^= 1;
    let forged = format!("usher_rt_{}", URL_SAFE_NO_PAD.encode(bytes));
    refused_as("REFRESH_TOKEN_INVALID", &forged, &request_id()).await;
    next(&session.refresh_token).await;
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    refused_fields(refresh("", "42").await, &["refresh_token", "request_id"]);
}

/// When the person was seen last, as he learns it, and how often that was told.
async fn seen(mira: &Person) -> (i64, i64) {
    let user = get(&mira.caller, "users/me").await.unwrap();
    let sql = "SELECT count(*) AS told FROM outbox WHERE resource = $1 AND kind = 'user.seen'";
    let told = row(sql, [mira.name.as_str().into()]).await.try_get("", "told").unwrap();
    (user.last_seen_time.expect("he signed in").seconds, told)
}

#[tokio::test]
async fn whoever_stays_is_seen_once_an_hour() {
    let mira = Person::new("mira").await;
    let (first, told) = seen(&mira).await;
    assert_eq!(told, 1);
    let newest = next(&mira.credentials.refresh_token).await;
    assert_eq!(seen(&mira).await, (first, 1));

    let id: Uuid = mira.name.trim_start_matches("users/").parse().unwrap();
    let an_hour_ago = "UPDATE account SET last_seen_time = last_seen_time - 3600000000 WHERE id = $1";
    change_row(an_hour_ago, [id.into()]).await;
    next(&newest).await;
    let (again, told) = seen(&mira).await;
    assert!(again >= first && told == 2);
    // Signing in is always told: whoever was reactivated must do it before the day is over.
    Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    assert_eq!(seen(&mira).await.1, 3);
}
