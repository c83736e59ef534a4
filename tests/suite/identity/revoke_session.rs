use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::RevokeSessionRequest;
use uuid::Uuid;

use super::{refresh, session_name};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

async fn revoke(caller: &Caller, name: &str) -> Result<(), Status> {
    let request = RevokeSessionRequest { name: name.to_owned(), request_id: request_id() };
    caller.identity().revoke_session(request).await.map(|_| ())
}

async fn is_over(token: &str) {
    refused(refresh(token).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
}

#[tokio::test]
async fn ends_one_session_and_no_other() {
    let mira = Person::new("mira").await;
    let other = Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    revoke(&mira.caller, &session_name(&other.credentials)).await.unwrap();
    is_over(&other.credentials.refresh_token).await;
    refresh(&mira.credentials.refresh_token).await.unwrap();
    // It has ended, however often that is asked for.
    revoke(&mira.caller, &session_name(&other.credentials)).await.unwrap();
}

#[tokio::test]
async fn signs_out() {
    let mira = Person::new("mira").await;
    revoke(&mira.caller, "users/me/sessions/current").await.unwrap();
    is_over(&mira.credentials.refresh_token).await;
}

#[tokio::test]
async fn an_administrator_ends_any() {
    let (mira, admin) = (Person::new("mira").await, admin().await);
    revoke(&admin.caller, &session_name(&mira.credentials)).await.unwrap();
    is_over(&mira.credentials.refresh_token).await;
}

#[tokio::test]
async fn others_learn_nothing() {
    let (mira, other) = (Person::new("mira").await, Person::new("other").await);
    for name in [session_name(&mira.credentials), format!("{}/sessions/{}", mira.name, Uuid::new_v4())] {
        let answer = revoke(&other.caller, &name).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("sessions.revoke", &mira.name));
    }
    // Nor does it help to call another's session one's own.
    let id = session_name(&mira.credentials).rsplit('/').next().unwrap().to_owned();
    let name = format!("{}/sessions/{id}", other.name);
    let metadata = refused(revoke(&other.caller, &name).await, Code::NotFound, "SESSION_NOT_FOUND");
    assert_eq!(metadata["session"], name);
    refresh(&mira.credentials.refresh_token).await.unwrap();
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let mira = Person::new("mira").await;
    let request = RevokeSessionRequest { name: "sessions/1".to_owned(), request_id: "1".to_owned() };
    refused_fields(mira.caller.identity().revoke_session(request).await, &["name", "request_id"]);
}
