use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{RevokeAllSessionsRequest, RevokeAllSessionsResponse};

use super::{nobodys_name, refresh};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

fn request(parent: &str, keep_current: bool) -> RevokeAllSessionsRequest {
    RevokeAllSessionsRequest { parent: parent.to_owned(), keep_current, request_id: request_id() }
}

async fn revoke_all(
    caller: &Caller,
    request: RevokeAllSessionsRequest,
) -> Result<RevokeAllSessionsResponse, Status> {
    Ok(caller.identity().revoke_all_sessions(request).await?.into_inner())
}

/// Somebody with three sessions.
async fn thrice() -> [Person; 3] {
    let first = Person::new("mira").await;
    let second = Person::signed_in(&Caller::nobody(), &first.email, PASSWORD).await;
    let third = Person::signed_in(&Caller::nobody(), &first.email, PASSWORD).await;
    [first, second, third]
}

async fn is_over(person: &Person) {
    refused(refresh(&person.credentials.refresh_token).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
}

#[tokio::test]
async fn ends_all_but_the_one_of_the_call() {
    let [one, two, three] = thrice().await;
    let other = Person::new("other").await;
    assert_eq!(revoke_all(&two.caller, request("users/me", true)).await.unwrap().revoked_count, 2);
    is_over(&one).await;
    is_over(&three).await;
    for lives in [two, other] {
        refresh(&lives.credentials.refresh_token).await.unwrap();
    }
}

#[tokio::test]
async fn ends_all() {
    let people = thrice().await;
    let (asked, caller) = (request("users/me", false), &people[0].caller);
    let answer = revoke_all(caller, asked.clone()).await.unwrap();
    assert_eq!(answer.revoked_count, 3);
    for person in &people {
        is_over(person).await;
    }
    // The first answer, though there is nothing left to end; the access token is good for some minutes.
    assert_eq!(revoke_all(caller, asked).await.unwrap(), answer);
    assert_eq!(revoke_all(caller, request("users/me", false)).await.unwrap().revoked_count, 0);
}

#[tokio::test]
async fn an_administrator_ends_those_of_anybody() {
    let ([one, ..], admin, other) = (thrice().await, admin().await, Person::new("other").await);
    let answer = revoke_all(&other.caller, request(&one.name, false)).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("sessions.revoke", &one.name));
    assert_eq!(revoke_all(&admin.caller, request(&one.name, true)).await.unwrap().revoked_count, 3);
    is_over(&one).await;
    let name = nobodys_name();
    let metadata =
        refused(revoke_all(&admin.caller, request(&name, false)).await, Code::NotFound, "USER_NOT_FOUND");
    assert_eq!(metadata["user"], name);
}

#[tokio::test]
async fn wrong_fields_are_refused() {
    let mira = Person::new("mira").await;
    let wrong = RevokeAllSessionsRequest { request_id: "1".to_owned(), ..request("users/me", true) };
    refused_fields(revoke_all(&mira.caller, wrong).await, &["request_id"]);
    refused_fields(revoke_all(&mira.caller, request("me", true)).await, &["parent"]);
}
