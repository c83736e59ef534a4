use tonic::Code;
use usher_api::identity::{ChangePasswordRequest, DeletePasskeyRequest};

use super::get;
use crate::support::authenticator::Manner;
use crate::support::mail::about;
use crate::support::passkeys::{Holder, ask, delete, list, register, show, sign_in};
use crate::support::people::{PASSWORD, Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::two_factor::{Enrolled, authenticate, challenge, complete};

#[tokio::test]
async fn it_opens_nothing_any_more() {
    let mut mira = Holder::new("mira").await;
    let (mut other, answer) = register(&mira.person, &Manner::default()).await;
    answer.unwrap();
    // Neither what was begun before, nor what is begun afterwards.
    let (asked, challenge) = (ask().await, challenge(&mira.person.email).await);
    delete(&mira.person, &mira.passkey.name, PASSWORD).await.unwrap();
    let shown = mira.key.show(&asked.request_options, &Manner::default());
    refused(show(&asked.authentication_token, &shown).await, Code::Unauthenticated, "PASSKEY_INVALID");
    refused(mira.sign_in().await, Code::Unauthenticated, "PASSKEY_INVALID");
    let answer = mira.answer(&challenge);
    refused(complete(&challenge.token, answer).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    sign_in(&mut other, &Manner::default()).await.expect("the other one does");
    assert_eq!(list(&mira.person.caller, "users/me").await.unwrap().len(), 1);
    let user = get(&mira.person.caller, "users/me").await.unwrap();
    assert_eq!(user.authentication_methods, ["password", "passkey"]);
    about(&mira.person.email, "A passkey was removed").await;
}

#[tokio::test]
async fn with_the_last_one_the_password_is_enough() {
    let mira = Holder::new("mira").await;
    delete(&mira.person, &mira.passkey.name, PASSWORD).await.unwrap();
    assert!(authenticate(&mira.person.email, PASSWORD).await.unwrap().credentials.is_some());
    let user = get(&mira.person.caller, "users/me").await.unwrap();
    assert_eq!(user.authentication_methods, ["password"]);
    about(&mira.person.email, "takes only the password from now on").await;
    // Codes that were written down went with it: the next passkey comes with others.
    let again = Holder::from(mira.person).await;
    assert_eq!(again.backup_codes.len(), 10);
    assert!(again.backup_codes.iter().all(|code| !mira.backup_codes.contains(code)));
}

#[tokio::test]
async fn beside_an_app_the_last_one_can_go() {
    let mira = Enrolled::new("mira").await;
    let passkey = Holder::from(mira.person.clone()).await.passkey;
    delete(&mira.person, &passkey.name, PASSWORD).await.unwrap();
    mira.sign_in().await.expect("the app is asked for as before");
}

#[tokio::test]
async fn the_last_one_stays_while_the_password_is_too_short_alone() {
    let mira = Holder::new("mira").await;
    let change = async |from: &str, to: &str| {
        let request = ChangePasswordRequest {
            name: "users/me".to_owned(),
            current_password: from.to_owned(),
            new_password: to.to_owned(),
            request_id: request_id(),
        };
        mira.person.caller.identity().change_password(request).await.unwrap();
    };
    let short = "vq0!zr2@mw";
    change(PASSWORD, short).await;
    let answer = delete(&mira.person, &mira.passkey.name, short).await;
    refused(answer, Code::FailedPrecondition, "PASSWORD_TOO_SHORT");
    assert_eq!(list(&mira.person.caller, "users/me").await.unwrap().len(), 1);
    change(short, PASSWORD).await;
    delete(&mira.person, &mira.passkey.name, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_person_and_the_password_are_needed() {
    let (mira, noor, admin) = (Holder::new("mira").await, Holder::new("noor").await, admin().await);
    for actor in [&noor.person, &admin] {
        let answer = delete(actor, &mira.passkey.name, PASSWORD).await;
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    }
    let wrong = delete(&mira.person, &mira.passkey.name, "not the password").await;
    refused(wrong, Code::PermissionDenied, "CURRENT_PASSWORD_INVALID");
    refused_fields(delete(&mira.person, &mira.passkey.name, "").await, &["current_password"]);
    refused_fields(delete(&mira.person, "users/me/passkeys/x", PASSWORD).await, &["name"]);
    let id = mira.passkey.name.rsplit('/').next().unwrap();
    let foreign = format!("users/me/passkeys/{id}");
    refused(delete(&noor.person, &foreign, PASSWORD).await, Code::NotFound, "PASSKEY_NOT_FOUND");
}

#[tokio::test]
async fn a_repeated_call_is_answered_alike_and_a_stale_etag_refused() {
    let mira = Holder::new("mira").await;
    let request = DeletePasskeyRequest {
        name: mira.passkey.name.clone(),
        current_password: PASSWORD.to_owned(),
        etag: mira.passkey.etag.clone(),
        request_id: request_id(),
    };
    let send =
        async |request: DeletePasskeyRequest| mira.person.caller.identity().delete_passkey(request).await;
    let stale = DeletePasskeyRequest { etag: "7".to_owned(), request_id: request_id(), ..request.clone() };
    refused(send(stale).await, Code::Aborted, "ETAG_MISMATCH");
    send(request.clone()).await.unwrap();
    send(request.clone()).await.unwrap();
    let again = DeletePasskeyRequest { request_id: request_id(), ..request };
    refused(send(again).await, Code::NotFound, "PASSKEY_NOT_FOUND");
}

#[tokio::test]
async fn an_account_without_any_passkey_has_none_to_delete() {
    let mira = Person::new("mira").await;
    let name = format!("{}/passkeys/{}", mira.name, uuid::Uuid::new_v4());
    refused(delete(&mira, &name, PASSWORD).await, Code::NotFound, "PASSKEY_NOT_FOUND");
}
