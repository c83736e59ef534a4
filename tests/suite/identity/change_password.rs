use futures::future::join_all;
use prost::Message as _;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{
    AuthenticateRequest, ChangePasswordRequest, ChangePasswordResponse, RefreshSessionRequest, UserEvent,
};
use uuid::Uuid;

use super::{change_row, get, id, row};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;

const OTHER: &str = "thirty geese over the harbour";

fn request() -> ChangePasswordRequest {
    ChangePasswordRequest {
        name: "users/me".to_owned(),
        current_password: PASSWORD.to_owned(),
        new_password: OTHER.to_owned(),
        request_id: request_id(),
    }
}

async fn change(caller: &Caller, request: ChangePasswordRequest) -> Result<ChangePasswordResponse, Status> {
    caller.identity().change_password(request).await.map(tonic::Response::into_inner)
}

async fn signs_in(email: &str, password: &str) -> bool {
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        ..AuthenticateRequest::default()
    };
    Caller::nobody().identity().authenticate(request).await.is_ok()
}

/// Whether the session that `person` signed in with can be refreshed.
async fn session_lives(person: &Person) -> bool {
    let request = RefreshSessionRequest {
        refresh_token: person.credentials.refresh_token.clone(),
        request_id: request_id(),
    };
    Caller::nobody().identity().refresh_session(request).await.is_ok()
}

#[tokio::test]
async fn from_then_on_the_new_password_opens_the_account() {
    let mira = Person::new("mira").await;
    let before = get(&mira.caller, "users/me").await.unwrap();
    let answer = change(&mira.caller, request()).await.unwrap();
    assert_eq!(answer.password_strength, 4);
    let after = answer.user.unwrap();
    assert_ne!(after.etag, before.etag);
    assert!(after.update_time.unwrap().seconds >= before.update_time.unwrap().seconds);
    assert_eq!(get(&mira.caller, "users/me").await.unwrap(), after);
    assert!(signs_in(&mira.email, OTHER).await && !signs_in(&mira.email, PASSWORD).await);

    let back = ChangePasswordRequest {
        name: mira.name.clone(),
        current_password: OTHER.to_owned(),
        new_password: PASSWORD.to_owned(),
        request_id: request_id(),
    };
    change(&mira.caller, back).await.expect("her own name is as good as `users/me`");
    assert!(signs_in(&mira.email, PASSWORD).await);
}

#[tokio::test]
async fn ends_all_sessions_but_the_one_that_calls() {
    let mira = Person::new("mira").await;
    let others = [
        Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await,
        Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await,
    ];
    let noor = Person::new("noor").await;
    change(&mira.caller, request()).await.unwrap();
    for other in &others {
        assert!(!session_lives(other).await);
    }
    assert!(session_lives(&mira).await && session_lives(&noor).await);
}

#[tokio::test]
async fn tells_the_other_services() {
    let mira = Person::new("mira").await;
    let user = change(&mira.caller, request()).await.unwrap().user.unwrap();
    let sql = "SELECT version, payload FROM outbox WHERE resource = $1 AND kind = 'user.password_changed'";
    let event = row(sql, [mira.name.as_str().into()]).await;
    assert_eq!(event.try_get::<i64>("", "version").unwrap(), 2);
    let payload: Vec<u8> = event.try_get("", "payload").unwrap();
    let expected = UserEvent { user: mira.name, version: 2, occur_time: user.update_time };
    assert_eq!(UserEvent::decode(payload.as_slice()).unwrap(), expected);
}

#[tokio::test]
async fn whoever_does_not_know_the_current_password_changes_nothing() {
    let mira = Person::new("mira").await;
    let other = Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    let wrong = ChangePasswordRequest { current_password: "not the password".to_owned(), ..request() };
    refused(change(&mira.caller, wrong).await, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    assert!(signs_in(&mira.email, PASSWORD).await && !signs_in(&mira.email, OTHER).await);
    assert!(session_lives(&mira).await && session_lives(&other).await);
}

#[tokio::test]
async fn guesses_of_the_current_password_are_few_and_lock_nothing_else() {
    let mira = Person::new("mira").await;
    let wrong = || ChangePasswordRequest { current_password: "not the password".to_owned(), ..request() };
    for _ in 0..5 {
        refused(change(&mira.caller, wrong()).await, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    }
    refused(change(&mira.caller, request()).await, Code::FailedPrecondition, "SIGN_IN_LOCKED");
    assert!(signs_in(&mira.email, PASSWORD).await && session_lives(&mira).await);
}

#[tokio::test]
async fn whoever_locks_the_address_keeps_nobody_from_changing_the_password() {
    let mira = Person::new("mira").await;
    for _ in 0..5 {
        assert!(!signs_in(&mira.email, "not the password").await);
    }
    assert!(!signs_in(&mira.email, PASSWORD).await);
    change(&mira.caller, request()).await.unwrap();
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let mira = Person::new("mira").await;
    let all = ["current_password", "new_password", "request_id"];
    let empty = ChangePasswordRequest { name: mira.name.clone(), ..ChangePasswordRequest::default() };
    refused_fields(change(&mira.caller, empty).await, &all);
    let bad = ChangePasswordRequest {
        current_password: "x".repeat(1_025),
        new_password: "fourteen chars".to_owned(),
        request_id: "42".to_owned(),
        ..request()
    };
    refused_fields(change(&mira.caller, bad).await, &all);
    refused_fields(
        change(&mira.caller, ChangePasswordRequest { name: "users/mira".to_owned(), ..request() }).await,
        &["name"],
    );
}

#[tokio::test]
async fn the_new_password_keeps_to_the_rules_and_differs() {
    let mira = Person::new("mira").await;
    for weak in
        [PASSWORD, "ａ long and quiet evening", "passwordpassword", "Mira2026Okafor Mira", &mira.email]
    {
        let weak = ChangePasswordRequest { new_password: weak.to_owned(), ..request() };
        refused_fields(change(&mira.caller, weak).await, &["new_password"]);
    }
}

#[tokio::test]
async fn a_repeated_request_changes_the_password_once() {
    let mira = Person::new("mira").await;
    let request = request();
    let (one, other) =
        tokio::join!(change(&mira.caller, request.clone()), change(&mira.caller, request.clone()));
    let third = change(&mira.caller, request.clone()).await.unwrap();
    assert_eq!((one.unwrap(), other.unwrap()), (third.clone(), third.clone()));
    assert_eq!(third.password_strength, 4);
    assert_eq!(get(&mira.caller, "users/me").await.unwrap(), third.user.unwrap());

    let changed =
        ChangePasswordRequest { new_password: "nobody writes this down".to_owned(), ..request.clone() };
    let metadata = refused(change(&mira.caller, changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], request.request_id);
}

#[tokio::test]
async fn the_strength_is_not_kept() {
    let (mira, request) = (Person::new("mira").await, request());
    change(&mira.caller, request.clone()).await.unwrap();
    let sql = "SELECT answer FROM answered_request WHERE request_id = $1";
    let id: Uuid = request.request_id.parse().unwrap();
    let kept: Vec<u8> = row(sql, [id.into()]).await.try_get("", "answer").unwrap();
    assert_eq!(ChangePasswordResponse::decode(kept.as_slice()).unwrap().password_strength, 0);
}

#[tokio::test]
async fn of_several_changes_at_once_one_wins() {
    let mira = Person::new("mira").await;
    let wishes: Vec<String> = (0..4).map(|number| format!("{OTHER}, number {number}")).collect();
    let changes = wishes
        .iter()
        .map(|wish| change(&mira.caller, ChangePasswordRequest { new_password: wish.clone(), ..request() }));
    let answers = join_all(changes).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for (wish, answer) in wishes.iter().zip(answers) {
        assert_eq!(signs_in(&mira.email, wish).await, answer.is_ok(), "{wish}");
        if let Err(status) = answer {
            let late = status.code() == Code::PermissionDenied;
            let reason = if late { "CURRENT_PASSWORD_INVALID" } else { "CONCURRENT_CHANGE" };
            refused(Err::<(), _>(status.clone()), status.code(), reason);
        }
    }
    assert!(!signs_in(&mira.email, PASSWORD).await);
}

#[tokio::test]
async fn an_account_without_a_password_has_none_to_change() {
    let mira = Person::new("mira").await;
    change_row("UPDATE account SET password_hash = '' WHERE id = $1", [id(&mira.name).into()]).await;
    let metadata =
        refused(change(&mira.caller, request()).await, Code::FailedPrecondition, "PASSWORD_NOT_SET");
    assert_eq!(metadata["user"], mira.name);
}

#[tokio::test]
async fn nobody_changes_the_password_of_another() {
    let (mira, noor, admin) = (Person::new("mira").await, Person::new("noor").await, admin().await);
    let hers = || ChangePasswordRequest { name: mira.name.clone(), ..request() };
    for caller in [&noor.caller, &admin.caller] {
        let metadata = refused(change(caller, hers()).await, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((metadata["permission"].as_str(), &metadata["resource"]), ("users.update", &mira.name));
    }
    refused(change(&Caller::nobody(), hers()).await, Code::Unauthenticated, "TOKEN_MISSING");
    let service = Caller::nobody().service("invitation");
    for name in [&mira.name, "users/me"] {
        let request = ChangePasswordRequest { name: name.to_owned(), ..request() };
        let metadata = refused(change(&service, request).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
        assert_eq!(metadata["method"], "usher.identity.v1.IdentityService.ChangePassword");
    }
    assert!(signs_in(&mira.email, PASSWORD).await);
}

#[tokio::test]
async fn a_service_that_acts_for_a_person_needs_his_password_too() {
    let mira = Person::new("mira").await;
    let service = Caller::nobody().service("alerts").on_behalf_of(&mira.credentials.access_token);
    let wrong = ChangePasswordRequest { current_password: "not the password".to_owned(), ..request() };
    refused(change(&service, wrong).await, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    change(&service, request()).await.unwrap();
    assert!(session_lives(&mira).await);
}
