use sandbox::Caller;
use serde_json::Value;
use tonic::{Code, Status};
use usher_api::identity::{StartPasskeyRegistrationRequest, StartPasskeyRegistrationResponse};
use uuid::Uuid;

use super::{change_row, id};
use crate::support::authenticator::{Key, Manner};
use crate::support::passkeys::{Holder, finish, register, start};
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{refused, refused_fields};
use crate::support::two_factor::{Enrolled, authenticate};

async fn begin(
    caller: &Caller,
    name: &str,
    password: &str,
) -> Result<StartPasskeyRegistrationResponse, Status> {
    let request = StartPasskeyRegistrationRequest {
        name: name.to_owned(),
        current_password: password.to_owned(),
        challenge_token: String::new(),
    };
    caller.identity().start_passkey_registration(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn asks_for_a_key_that_opens_the_account_by_itself_and_for_the_person() {
    let mut mira = Holder::new("mira").await;
    let started = begin(&mira.person.caller, "users/me", PASSWORD).await.unwrap();
    assert!(started.expire_time.is_some());
    let options: Value = serde_json::from_str(&started.creation_options).unwrap();
    assert_eq!(
        (options["rp"]["id"].as_str(), options["rp"]["name"].as_str()),
        (Some("usher.test"), Some("Usher"))
    );
    assert_eq!(options["user"]["name"], mira.person.email.as_str());
    assert_eq!(mira.key.user_handle, id(&mira.person.name).as_bytes());
    let selection = &options["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "preferred");
    assert_eq!(selection["userVerification"], "required");
    // Authenticators do not make a second one for the same account.
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    mira.sign_in().await.expect("nothing has changed");
}

#[tokio::test]
async fn of_several_the_last_counts_and_nothing_changes_before_it_is_finished() {
    let mira = Person::new("mira").await;
    let (first, second) = (start(&mira).await.unwrap(), start(&mira).await.unwrap());
    assert!(authenticate(&mira.email, PASSWORD).await.unwrap().credentials.is_some());
    let (_, answer) = Key::make(&first.creation_options, &Manner::default());
    let late = finish(&mira, &first.registration_token, &answer).await;
    refused(late, Code::FailedPrecondition, "ENROLLMENT_INVALID");
    let (_, answer) = Key::make(&second.creation_options, &Manner::default());
    finish(&mira, &second.registration_token, &answer).await.unwrap();
}

#[tokio::test]
async fn the_password_is_asked_for() {
    let mira = Person::new("mira").await;
    let wrong = begin(&mira.caller, "users/me", "not the password").await;
    refused(wrong, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    refused_fields(begin(&mira.caller, "users/me", "").await, &["current_password"]);
}

#[tokio::test]
async fn everybody_registers_his_own() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    refused(begin(&noor.caller, &mira.name, PASSWORD).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(
        begin(&Caller::nobody(), &mira.name, PASSWORD).await,
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    refused(begin(&Caller::nobody(), "users/me", PASSWORD).await, Code::Unauthenticated, "TOKEN_MISSING");
    refused_fields(begin(&mira.caller, "mira", PASSWORD).await, &["name"]);
}

#[tokio::test]
async fn a_challenge_that_asks_for_a_proof_does_not_let_anybody_register() {
    let mira = Enrolled::new("mira").await;
    for token in [mira.challenge().await.token, "usher_ch_x".to_owned()] {
        let request = StartPasskeyRegistrationRequest { challenge_token: token, ..Default::default() };
        let answer = Caller::nobody().identity().start_passkey_registration(request).await;
        refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
    }
}

#[tokio::test]
async fn a_person_has_twenty_at_most() {
    let mira = Person::new("mira").await;
    for _ in 0..18 {
        register(&mira, &Manner::default()).await.1.unwrap();
    }
    let last = register(&mira, &Manner::default()).await.1.unwrap().passkey.unwrap().name;
    let begun = start(&mira).await.unwrap();
    // One that was begun at the same moment, and finished first.
    let copy = "INSERT INTO passkey (id, account_id, credential_id, sealed_credential, display_name, version, create_time) \
                SELECT $1, account_id, $2, sealed_credential, display_name, version, create_time FROM passkey WHERE id = $3";
    let values = [Uuid::new_v4().into(), vec![1_u8; 32].into(), id(&last).into()];
    change_row(copy, values).await;
    let (_, answer) = Key::make(&begun.creation_options, &Manner::default());
    let late = finish(&mira, &begun.registration_token, &answer).await;
    refused(late, Code::FailedPrecondition, "PASSKEY_LIMIT_REACHED");
    let metadata = refused(start(&mira).await, Code::FailedPrecondition, "PASSKEY_LIMIT_REACHED");
    assert_eq!(metadata["user"], mira.name);
}
