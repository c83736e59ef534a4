use futures::future::join_all;
use prost::Message as _;
use sandbox::Caller;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use usher_api::identity::{
    CreateUserRequest, CreateUserResponse, ResetPasswordRequest, User, UserEvent, UserState,
};
use uuid::Uuid;

use super::account_mails::{OTHER, reset, reset_request};
use super::{get, refresh, row};
use crate::support::mail::about;
use crate::support::people::{PASSWORD, Person, TERMS, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::unprove_mailbox;
use crate::support::two_factor::Enrolled;
use crate::support::{address, request_id};

fn request(email: &str) -> CreateUserRequest {
    CreateUserRequest {
        email: email.to_owned(),
        full_name: "Mira Okafor".to_owned(),
        password: PASSWORD.to_owned(),
        terms_version: TERMS.to_owned(),
        request_id: request_id(),
        ..CreateUserRequest::default()
    }
}

async fn create_as(caller: &Caller, request: CreateUserRequest) -> Result<User, Status> {
    Ok(caller.identity().create_user(request).await?.into_inner().user.expect("it comes"))
}

async fn create(request: CreateUserRequest) -> Result<User, Status> {
    create_as(&Caller::nobody().service("invitation"), request).await
}

#[tokio::test]
async fn makes_an_account_that_can_sign_in() {
    let email = address("Mira");
    let user = create(request(&format!("  {email} "))).await.unwrap();
    assert_eq!(user.name, format!("users/{}", user.uid));
    assert_eq!((&user.email, user.email_verified), (&email, true));
    assert_eq!((user.full_name.as_str(), user.terms_version.as_str()), ("Mira Okafor", TERMS));
    assert_eq!((user.state(), user.platform_admin), (UserState::Active, false));
    assert!(!user.etag.is_empty() && user.create_time.is_some());
    assert_eq!(user.create_time, user.update_time);

    assert_eq!(
        (user.authentication_methods.as_slice(), user.last_seen_time),
        (&["password".to_owned()][..], None)
    );

    let mira = Person::signed_in(&Caller::nobody(), &email, PASSWORD).await;
    let seen = get(&mira.caller, "users/me").await.unwrap();
    assert!(seen.last_seen_time.is_some());
    assert_eq!(User { last_seen_time: None, ..seen }, user);
}

#[tokio::test]
async fn tells_the_other_services() {
    let user = create(request(&address("mira"))).await.unwrap();
    let event =
        row("SELECT kind, version, payload FROM outbox WHERE resource = $1", [user.name.as_str().into()]);
    let event = event.await;
    assert_eq!(event.try_get::<String>("", "kind").unwrap(), "user.created");
    assert_eq!(event.try_get::<i64>("", "version").unwrap(), 1);
    let payload: Vec<u8> = event.try_get("", "payload").unwrap();
    let expected = UserEvent { user: user.name, version: 1, occur_time: user.create_time };
    assert_eq!(UserEvent::decode(payload.as_slice()).unwrap(), expected);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let all = ["email", "full_name", "password", "terms_version", "request_id"];
    refused_fields(create(CreateUserRequest::default()).await, &all);
    let bad = CreateUserRequest {
        email: "mira@example.test, noor@example.test".to_owned(),
        full_name: "Mira\nOkafor".to_owned(),
        password: "fourteen chars".to_owned(),
        terms_version: "1".repeat(65),
        request_id: "42".to_owned(),
        ..CreateUserRequest::default()
    };
    refused_fields(create(bad).await, &all);
}

#[tokio::test]
async fn takes_names_and_passwords_up_to_their_limits() {
    let longest = CreateUserRequest {
        full_name: "é".repeat(200),
        password: "a long and quiet evening ".chars().cycle().take(1_024).collect(),
        terms_version: "1".repeat(64),
        ..request(&address("mira"))
    };
    assert_eq!(create(longest.clone()).await.unwrap().full_name, longest.full_name);
    let shortest = CreateUserRequest { password: "vq0!zr2@ mw5k7#".to_owned(), ..request(&address("mira")) };
    create(shortest).await.unwrap();
    let too_long = CreateUserRequest {
        full_name: "é".repeat(201),
        password: "a long and quiet evening ".chars().cycle().take(1_025).collect(),
        ..request(&address("mira"))
    };
    refused_fields(create(too_long).await, &["full_name", "password"]);
}

#[tokio::test]
async fn refuses_passwords_that_are_easily_guessed() {
    for weak in [
        "               ",
        "passwordpassword",
        "qwertyuiopasdfgh",
        "Mira2026Okafor Mira",
        "blue team blue team",
        "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
    ] {
        let weak = CreateUserRequest {
            password: weak.to_owned(),
            community_names: vec!["Blue Team".to_owned()],
            ..request(&address("mira"))
        };
        refused_fields(create(weak).await, &["password"]);
    }
}

#[tokio::test]
async fn every_rule_that_a_password_breaks_is_told() {
    let weak = CreateUserRequest { password: "password".to_owned(), ..request(&address("mira")) };
    let status = create(weak).await.unwrap_err();
    let details = status.get_error_details();
    let faults = &details.bad_request().expect("the fields are told").field_violations;
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.field == "password"));
}

#[tokio::test]
async fn tells_the_strength_of_the_password_and_does_not_keep_it() {
    let (request, caller) = (request(&address("mira")), Caller::nobody().service("invitation"));
    for _ in 0..2 {
        let answer = caller.identity().create_user(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.password_strength, 4);
    }
    let sql = "SELECT answer FROM answered_request WHERE request_id = $1";
    let id: Uuid = request.request_id.parse().unwrap();
    let kept: Vec<u8> = row(sql, [id.into()]).await.try_get("", "answer").unwrap();
    assert_eq!(CreateUserResponse::decode(kept.as_slice()).unwrap().password_strength, 0);
}

#[tokio::test]
async fn a_community_that_is_renamed_before_a_retry_makes_no_other_request() {
    let request = CreateUserRequest { community_names: vec!["Blue".to_owned()], ..request(&address("mira")) };
    let made = create(request.clone()).await.unwrap();
    let renamed = CreateUserRequest { community_names: vec!["Green".to_owned()], ..request };
    assert_eq!(create(renamed).await.unwrap(), made);
}

#[tokio::test]
async fn refuses_an_address_that_has_an_account_in_any_spelling() {
    let unique = address("zoë");
    let email = unique.replace("guest.test", "bücher.test");
    create(request(&email)).await.unwrap();
    for spelling in [
        email.clone(),
        email.to_uppercase(),
        email.replace("zoë", "zoe\u{308}"),
        email.replace("bücher.test", "xn--bcher-kva.test"),
    ] {
        refused(create(request(&spelling)).await, Code::AlreadyExists, "USER_EXISTS");
    }
    create(request(&email.replace("zoë", "zo.ë"))).await.expect("a dot makes another address");
}

#[tokio::test]
async fn of_many_accounts_for_one_address_at_once_one_is_made() {
    let email = address("mira");
    let made = join_all((0..8).map(|_| create(request(&email)))).await;
    let (made, refusals): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for refusal in refusals {
        refused(refusal, Code::AlreadyExists, "USER_EXISTS");
    }
}

#[tokio::test]
async fn a_repeated_request_makes_one_account() {
    let request = request(&address("mira"));
    let (one, other) = tokio::join!(create(request.clone()), create(request.clone()));
    let third = create(request.clone()).await.unwrap();
    assert_eq!((one.unwrap(), other.unwrap()), (third.clone(), third));
    let changed = CreateUserRequest { password: "another quiet evening".to_owned(), ..request.clone() };
    let metadata = refused(create(changed).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata["request_id"], request.request_id);
}

#[tokio::test]
async fn a_refused_request_may_be_sent_again_with_another_address() {
    let taken = address("mira");
    create(request(&taken)).await.unwrap();
    let refused_one = request(&taken);
    refused(create(refused_one.clone()).await, Code::AlreadyExists, "USER_EXISTS");
    create(CreateUserRequest { email: address("mira"), ..refused_one }).await.unwrap();
}

#[tokio::test]
async fn an_administrator_prepares_an_account_whose_person_chooses_the_password() {
    let admin = admin().await;
    let bare = CreateUserRequest {
        password: String::new(),
        terms_version: String::new(),
        ..request(&address("mira"))
    };
    let full = CreateUserRequest { email: bare.email.clone(), ..request("") };
    refused_fields(create_as(&admin.caller, full).await, &["password", "terms_version"]);
    let user = create_as(&admin.caller, bare.clone()).await.unwrap();
    assert_eq!((user.email_verified, user.authentication_methods.len()), (false, 0));
    assert_eq!(create_as(&admin.caller, bare.clone()).await.unwrap(), user);

    let token = about(&bare.email, "Your account is ready").await.token();
    let choice = ResetPasswordRequest { terms_version: TERMS.to_owned(), ..reset_request(&token) };
    reset(choice).await.unwrap();
    let mira = Person::signed_in(&Caller::nobody(), &bare.email, OTHER).await;
    let user = get(&mira.caller, "users/me").await.unwrap();
    assert_eq!((user.email_verified, user.terms_version.as_str()), (true, TERMS));
}

#[tokio::test]
async fn an_account_of_an_unproven_mailbox_becomes_that_of_whoever_proves_it() {
    let thief = Enrolled::new("mira").await.person;
    unprove_mailbox(&thief.name).await;
    let mira = CreateUserRequest {
        full_name: "The real Mira".to_owned(),
        password: OTHER.to_owned(),
        ..request(&thief.email)
    };
    let user = create(mira.clone()).await.unwrap();
    assert_eq!((&user.name, user.full_name.as_str()), (&thief.name, "The real Mira"));
    assert!(user.email_verified);
    let ended = refresh(&thief.credentials.refresh_token).await;
    refused(ended, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    Person::signed_in(&Caller::nobody(), &thief.email, OTHER).await;
    refused(create(request(&thief.email)).await, Code::AlreadyExists, "USER_EXISTS");
    assert_eq!(create(mira).await.unwrap(), user);
}

#[tokio::test]
async fn is_for_the_invitation_service_and_administrators_alone() {
    let (nobody, mira) = (Caller::nobody(), Person::new("mira").await);
    let answer = create_as(&nobody, request(&address("mira"))).await;
    refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
    for caller in [&mira.caller, &nobody.service("alerts"), &nobody.service("community")] {
        let answer = create_as(caller, request(&address("mira"))).await;
        let metadata = refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
        assert_eq!(metadata["method"], "usher.identity.v1.IdentityService.CreateUser");
    }
}
