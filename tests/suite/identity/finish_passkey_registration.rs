use std::collections::HashSet;

use futures::future::join_all;
use sandbox::Caller;
use tonic::Code;
use usher_api::identity::{ChangePasswordRequest, FinishPasskeyRegistrationRequest, SecondFactor};

use super::account_mails::OTHER;
use super::{change_row, get, id, refresh};
use crate::support::authenticator::{Key, Manner};
use crate::support::mail::{about, mails};
use crate::support::passkeys::{Holder, ask, finish, list, register, show, sign_in, start};
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{reason, refused, refused_fields};
use crate::support::request_id;
use crate::support::two_factor::{Enrolled, challenge};

#[tokio::test]
async fn from_then_on_the_passkey_opens_the_account_and_the_password_alone_does_not() {
    let mira = Person::new("mira").await;
    let other = Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    let before = get(&mira.caller, "users/me").await.unwrap();
    let mut mira = Holder::from(mira).await;
    assert_eq!(mira.backup_codes.iter().collect::<HashSet<_>>().len(), 10);
    assert_eq!(mira.passkey.display_name, "Work laptop");
    assert!(mira.passkey.create_time.is_some() && mira.passkey.last_use_time.is_none());
    let credentials = mira.sign_in().await.unwrap();
    assert_eq!(credentials.user, mira.person.name);
    let asked = challenge(&mira.person.email).await;
    assert_eq!(asked.factors().collect::<Vec<_>>(), [SecondFactor::Passkey, SecondFactor::BackupCode]);
    let after = get(&mira.person.caller, "users/me").await.unwrap();
    assert_ne!(after.etag, before.etag);
    assert_eq!(after.authentication_methods, ["password", "passkey"]);
    refused(refresh(&other.credentials.refresh_token).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    refresh(&mira.person.credentials.refresh_token).await.expect("the session of the call goes on");
    about(&mira.person.email, "A passkey was added").await;
    about(&mira.person.email, "takes two steps from now on").await;
}

#[tokio::test]
async fn another_one_leaves_sessions_and_backup_codes() {
    let mira = Holder::new("mira").await;
    let mut first = mira.key.clone();
    let session = sign_in(&mut first, &Manner::default()).await.unwrap();
    let (mut second, answer) = register(&mira.person, &Manner::default()).await;
    assert!(answer.unwrap().backup_codes.is_empty());
    refresh(&session.refresh_token).await.expect("it goes on");
    sign_in(&mut first, &Manner::default()).await.unwrap();
    sign_in(&mut second, &Manner::default()).await.unwrap();
    let told = mails(&sandbox::current().mailbox, &mira.person.email);
    assert!(told.iter().filter(|mail| mail.subject.contains("takes two steps")).count() <= 1);
}

#[tokio::test]
async fn an_answer_that_is_wrong_makes_none() {
    let mira = Person::new("mira").await;
    let right = Manner::default();
    let wrong = [
        (Manner { origin: "https://usher.test.evil.example".to_owned(), ..right.clone() }, "WRONG_ORIGIN"),
        (Manner { origin: "http://usher.test".to_owned(), ..right.clone() }, "WRONG_ORIGIN"),
        (Manner { origin: "https://evil.usher.test".to_owned(), ..right.clone() }, "WRONG_ORIGIN"),
        (Manner { relying_party: "evil.example".to_owned(), ..right.clone() }, "WRONG_RELYING_PARTY"),
        (Manner { challenge: Some("A".repeat(43)), ..right.clone() }, "WRONG_CHALLENGE"),
        (Manner { verified: false, ..right.clone() }, "USER_NOT_VERIFIED"),
        (Manner { present: false, ..right.clone() }, "USER_NOT_VERIFIED"),
        (Manner { kind: Some("webauthn.get"), ..right.clone() }, "UNSUPPORTED"),
    ];
    for (manner, problem) in wrong {
        let (mut key, answer) = register(&mira, &manner).await;
        let metadata = refused(answer, Code::InvalidArgument, "PASSKEY_REJECTED");
        assert_eq!(metadata["problem"], problem);
        refused(sign_in(&mut key, &right).await, Code::Unauthenticated, "PASSKEY_INVALID");
    }
    assert!(list(&mira.caller, "users/me").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_registration_is_finished_once_whatever_comes_of_it() {
    let mira = Person::new("mira").await;
    let started = start(&mira).await.unwrap();
    let (_, wrong) = Key::make(&started.creation_options, &Manner { verified: false, ..Manner::default() });
    let (_, right) = Key::make(&started.creation_options, &Manner::default());
    let answer = finish(&mira, &started.registration_token, &wrong).await;
    refused(answer, Code::InvalidArgument, "PASSKEY_REJECTED");
    let answer = finish(&mira, &started.registration_token, &right).await;
    refused(answer, Code::FailedPrecondition, "ENROLLMENT_INVALID");

    let started = start(&mira).await.unwrap();
    let (_, right) = Key::make(&started.creation_options, &Manner::default());
    let answers = join_all((0..4).map(|_| finish(&mira, &started.registration_token, &right))).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    assert!(refused.into_iter().all(|answer| reason(&answer.unwrap_err()) == "ENROLLMENT_INVALID"));
    assert_eq!(list(&mira.caller, "users/me").await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_that_was_not_begun_is_over_or_belongs_to_somebody_else_is_finished() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    let started = start(&mira).await.unwrap();
    let (_, answer) = Key::make(&started.creation_options, &Manner::default());
    for token in ["", "usher_pk_AAAA", &ask().await.authentication_token] {
        refused(finish(&mira, token, &answer).await, Code::FailedPrecondition, "ENROLLMENT_INVALID");
    }
    let token = &started.registration_token;
    refused(finish(&noor, token, &answer).await, Code::FailedPrecondition, "ENROLLMENT_INVALID");
    let late = "UPDATE passkey_ceremony SET expire_time = 1 WHERE account_id = $1";
    change_row(late, [id(&mira.name).into()]).await;
    refused(finish(&mira, token, &answer).await, Code::FailedPrecondition, "ENROLLMENT_INVALID");
}

#[tokio::test]
async fn who_began_before_the_password_was_changed_leaves_no_passkey_behind() {
    let mira = Person::new("mira").await;
    let thief = Person::signed_in(&Caller::nobody(), &mira.email, PASSWORD).await;
    let started = start(&thief).await.unwrap();
    let request = ChangePasswordRequest {
        name: "users/me".to_owned(),
        current_password: PASSWORD.to_owned(),
        new_password: OTHER.to_owned(),
        request_id: request_id(),
    };
    mira.caller.identity().change_password(request).await.unwrap();
    // His access token is good for some minutes more.
    let (_, answer) = Key::make(&started.creation_options, &Manner::default());
    let answer = finish(&thief, &started.registration_token, &answer).await;
    refused(answer, Code::FailedPrecondition, "ENROLLMENT_INVALID");
}

#[tokio::test]
async fn what_registers_does_not_sign_in() {
    let mut mira = Holder::new("mira").await;
    let started = start(&mira.person).await.unwrap();
    let shown = mira.key.show(&started.creation_options, &Manner::default());
    refused(show(&started.registration_token, &shown).await, Code::Unauthenticated, "CHALLENGE_INVALID");
}

#[tokio::test]
async fn a_passkey_belongs_to_one_person() {
    let (mira, noor) = (Holder::new("mira").await, Person::new("noor").await);
    for person in [&mira.person, &noor] {
        let started = start(person).await.unwrap();
        let options = serde_json::from_str(&started.creation_options).unwrap();
        let answer = mira.key.introduce(&options, &Manner::default());
        let metadata = refused(
            finish(person, &started.registration_token, &answer).await,
            Code::InvalidArgument,
            "PASSKEY_REJECTED",
        );
        assert_eq!(metadata["problem"], "ALREADY_REGISTERED");
    }
}

#[tokio::test]
async fn beside_an_app_it_is_asked_for_first() {
    let mira = Enrolled::new("mira").await;
    let holder = Holder::from(mira.person.clone()).await;
    assert!(holder.backup_codes.is_empty());
    let asked = mira.challenge().await;
    let factors = [SecondFactor::Passkey, SecondFactor::Totp, SecondFactor::BackupCode];
    assert_eq!(asked.factors().collect::<Vec<_>>(), factors);
    mira.sign_in().await.expect("the app serves as well");
}

#[tokio::test]
async fn eight_characters_are_enough_beside_it() {
    let mira = Holder::new("mira").await;
    let request = ChangePasswordRequest {
        name: "users/me".to_owned(),
        current_password: PASSWORD.to_owned(),
        new_password: "vq0!zr2@mw".to_owned(),
        request_id: request_id(),
    };
    mira.person.caller.identity().change_password(request).await.unwrap();
}

#[tokio::test]
async fn everybody_finishes_his_own() {
    let (mira, noor) = (Person::new("mira").await, Person::new("noor").await);
    let started = start(&mira).await.unwrap();
    let (_, credential) = Key::make(&started.creation_options, &Manner::default());
    let request = FinishPasskeyRegistrationRequest {
        name: mira.name.clone(),
        registration_token: started.registration_token,
        credential,
        display_name: "Phone".to_owned(),
        ..Default::default()
    };
    for (caller, code, reason) in [
        (&noor.caller, Code::PermissionDenied, "PERMISSION_DENIED"),
        (&Caller::nobody(), Code::PermissionDenied, "PERMISSION_DENIED"),
    ] {
        refused(caller.identity().finish_passkey_registration(request.clone()).await, code, reason);
    }
    mira.caller.identity().finish_passkey_registration(request).await.unwrap();
}

#[tokio::test]
async fn wrong_fields_are_told_together() {
    let mira = Person::new("mira").await;
    let send = async |credential: String, display_name: &str| {
        let request = FinishPasskeyRegistrationRequest {
            name: "users/me".to_owned(),
            credential,
            display_name: display_name.to_owned(),
            ..Default::default()
        };
        mira.caller.identity().finish_passkey_registration(request).await
    };
    refused_fields(send(String::new(), "").await, &["credential", "display_name"]);
    refused_fields(send("{}".to_owned(), "a\u{7}").await, &["credential", "display_name"]);
    let long = format!("\"{}\"", "x".repeat(32_768));
    refused_fields(send(long, &"x".repeat(101)).await, &["credential", "display_name"]);
}
