//! Passkeys beside the password, and what becomes of them where second factors come and go.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tonic::Code;
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{
    CreateUserRequest, DisableTwoFactorRequest, GetTwoFactorRequest, ResetTwoFactorRequest, SecondFactor,
};

use super::account_mails::{OTHER, reset, reset_request, reset_token};
use super::{change_row, id};
use crate::support::authenticator::Manner;
use crate::support::passkeys::{Holder, enrol_by, finish, list, sign_in, start};
use crate::support::people::{PASSWORD, Person, TERMS, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::unprove_mailbox;
use crate::support::two_factor::{authenticate, challenge, complete};

#[tokio::test]
async fn it_answers_a_challenge() {
    let mut mira = Holder::new("mira").await;
    let asked = challenge(&mira.person.email).await;
    let options: Value = serde_json::from_str(&asked.passkey_request_options).unwrap();
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(options["userVerification"], "required");
    let answer = mira.answer(&asked);
    let credentials = complete(&asked.token, answer.clone()).await.unwrap().credentials.unwrap();
    assert_eq!(credentials.user, mira.person.name);
    assert!(list(&mira.person.caller, "users/me").await.unwrap()[0].last_use_time.is_some());
    // Once: the challenge has served, and another one asks something else.
    refused(complete(&asked.token, answer.clone()).await, Code::Unauthenticated, "CHALLENGE_INVALID");
    let other = challenge(&mira.person.email).await;
    refused(complete(&other.token, answer).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    // A wrong answer does not use the challenge up.
    let answer = mira.answer(&other);
    complete(&other.token, answer).await.unwrap();
}

#[tokio::test]
async fn wrong_answers_count_like_wrong_codes() {
    let (mut mira, noor) = (Holder::new("mira").await, Holder::new("noor").await);
    let asked = challenge(&mira.person.email).await;
    let right = Manner::default();
    let shown = |key: &mut crate::support::authenticator::Key, manner: &Manner| {
        Proof::PasskeyCredential(key.show(&asked.passkey_request_options, manner))
    };
    let wrong = [
        shown(&mut mira.key, &Manner { origin: "https://evil.example".to_owned(), ..right.clone() }),
        shown(&mut mira.key, &Manner { relying_party: "evil.example".to_owned(), ..right.clone() }),
        shown(&mut mira.key, &Manner { verified: false, ..right.clone() }),
        // The passkey of somebody else, under the name of either.
        shown(&mut noor.key.clone(), &right),
        shown(
            &mut {
                let mut key = noor.key.clone();
                key.user_handle = mira.key.user_handle.clone();
                key
            },
            &right,
        ),
    ];
    for answer in wrong {
        refused(complete(&asked.token, answer).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    }
    for answer in [shown(&mut mira.key, &right), Proof::BackupCode(mira.backup_codes[0].clone())] {
        refused(complete(&asked.token, answer).await, Code::FailedPrecondition, "SIGN_IN_LOCKED");
    }
    mira.sign_in().await.expect("by itself the passkey is no guess");
}

#[tokio::test]
async fn an_answer_that_says_it_opens_another_account_is_wrong() {
    let (mut mira, noor) = (Holder::new("mira").await, Person::new("noor").await);
    let asked = challenge(&mira.person.email).await;
    let options = &asked.passkey_request_options;
    let handle = URL_SAFE_NO_PAD.encode(id(&noor.name).as_bytes());
    let another = Manner { user_handle: Some(handle.into()), ..Manner::default() };
    let answer = Proof::PasskeyCredential(mira.key.show(options, &another));
    refused(complete(&asked.token, answer).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    // A security key with little room says nothing.
    let silent = Manner { user_handle: Some(Value::Null), ..Manner::default() };
    let answer = Proof::PasskeyCredential(mira.key.show(options, &silent));
    complete(&asked.token, answer).await.unwrap();
}

#[tokio::test]
async fn a_count_that_goes_back_is_refused_also_if_the_question_is_older() {
    let mut mira = Holder::new("mira").await;
    let asked = challenge(&mira.person.email).await;
    let early = mira.answer(&asked);
    mira.sign_in().await.unwrap();
    refused(complete(&asked.token, early).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    let answer = mira.answer(&asked);
    complete(&asked.token, answer).await.unwrap();
}

#[tokio::test]
async fn what_is_no_credential_is_refused() {
    for wrong in ["", "{}", &"x".repeat(32_769)] {
        let answer = complete("usher_ch_x", Proof::PasskeyCredential(wrong.to_owned())).await;
        refused_fields(answer, &["passkey_credential"]);
    }
}

#[tokio::test]
async fn backup_codes_open_the_account_of_somebody_who_lost_it() {
    let mira = Holder::new("mira").await;
    let code = Proof::BackupCode(mira.backup_codes[0].clone());
    complete(&challenge(&mira.person.email).await.token, code).await.unwrap();
}

#[tokio::test]
async fn is_told_as_what_the_person_has() {
    let mira = Holder::new("mira").await;
    let request = GetTwoFactorRequest { name: "users/me/twoFactor".to_owned() };
    let answer = mira.person.caller.identity().get_two_factor(request).await.unwrap().into_inner();
    let told = answer.two_factor.unwrap();
    assert!(told.enabled && !told.enforced);
    assert_eq!(told.enable_time, mira.passkey.create_time);
    assert_eq!(told.factors().collect::<Vec<_>>(), [SecondFactor::Passkey, SecondFactor::BackupCode]);
}

#[tokio::test]
async fn goes_when_the_second_factor_is_disabled() {
    let mut mira = Holder::new("mira").await;
    let request =
        DisableTwoFactorRequest { name: "users/me".to_owned(), current_password: PASSWORD.to_owned() };
    mira.person.caller.identity().disable_two_factor(request).await.unwrap();
    refused(mira.sign_in().await, Code::Unauthenticated, "PASSKEY_INVALID");
    assert!(list(&mira.person.caller, "users/me").await.unwrap().is_empty());
    assert!(authenticate(&mira.person.email, PASSWORD).await.unwrap().credentials.is_some());
}

#[tokio::test]
async fn goes_with_a_reset_and_the_recovery_code_leads_to_another() {
    let (admin, mut mira) = (admin().await, Holder::new("mira").await);
    let begun = start(&mira.person).await.unwrap();
    let request = ResetTwoFactorRequest { name: mira.person.name.clone() };
    let reset = admin.caller.identity().reset_two_factor(request).await.unwrap().into_inner();
    refused(mira.sign_in().await, Code::Unauthenticated, "PASSKEY_INVALID");
    // Neither what was begun before is a way around the code, nor a session that was ended.
    let (_, answer) = crate::support::authenticator::Key::make(&begun.creation_options, &Manner::default());
    let answer = finish(&mira.person, &begun.registration_token, &answer).await;
    refused(answer, Code::FailedPrecondition, "ENROLLMENT_INVALID");
    let begun = start(&mira.person).await.unwrap();
    let (_, answer) = crate::support::authenticator::Key::make(&begun.creation_options, &Manner::default());
    let answer = finish(&mira.person, &begun.registration_token, &answer).await;
    refused(answer, Code::FailedPrecondition, "SECOND_FACTOR_REQUIRED");

    let asked = challenge(&mira.person.email).await;
    assert_eq!(asked.factors().collect::<Vec<_>>(), [SecondFactor::RecoveryCode]);
    assert!(asked.passkey_request_options.is_empty());
    let next = complete(&asked.token, Proof::RecoveryCode(reset.recovery_code)).await.unwrap();
    let (mut key, enrolled) = enrol_by(&next.challenge.unwrap()).await;
    assert_eq!(enrolled.credentials.unwrap().user, mira.person.name);
    assert_eq!(enrolled.backup_codes.len(), 10);
    sign_in(&mut key, &Manner::default()).await.unwrap();
}

#[tokio::test]
async fn of_an_account_whose_mailbox_nobody_had_proven_it_goes_when_somebody_does() {
    // By an invitation.
    let mut thief = Holder::new("thief").await;
    unprove_mailbox(&thief.person.name).await;
    let request = CreateUserRequest {
        email: thief.person.email.clone(),
        full_name: "The real one".to_owned(),
        password: OTHER.to_owned(),
        terms_version: TERMS.to_owned(),
        request_id: request_id(),
        ..CreateUserRequest::default()
    };
    let invitation = sandbox::Caller::nobody().service("invitation");
    invitation.identity().create_user(request).await.unwrap();
    refused(thief.sign_in().await, Code::Unauthenticated, "PASSKEY_INVALID");
    assert!(authenticate(&thief.person.email, OTHER).await.unwrap().credentials.is_some());
    // By a reset of the password.
    let mut thief = Holder::new("thief").await;
    unprove_mailbox(&thief.person.name).await;
    reset(reset_request(&reset_token(&thief.person.email).await)).await.unwrap();
    refused(thief.sign_in().await, Code::Unauthenticated, "PASSKEY_INVALID");
    // Of one that was proven it stays, as every second factor does.
    let mut mira = Holder::new("mira").await;
    reset(reset_request(&reset_token(&mira.person.email).await)).await.unwrap();
    mira.sign_in().await.unwrap();
    assert!(authenticate(&mira.person.email, OTHER).await.unwrap().challenge.is_some());
}

#[tokio::test]
async fn somebody_without_a_password_shows_that_he_signed_in_a_moment_ago() {
    let mut mira = Holder::new("mira").await;
    let sql = "UPDATE account SET password_hash = '' WHERE id = $1";
    change_row(sql, [id(&mira.person.name).into()]).await;
    let credentials = mira.sign_in().await.unwrap();
    let mut person = mira.person.clone();
    person.caller = sandbox::Caller::nobody().bearing(&credentials.access_token);
    start(&person).await.unwrap();
    let long_ago = "UPDATE session SET create_time = create_time - 600000001 WHERE id = $1";
    change_row(long_ago, [super::session_id(&credentials).into()]).await;
    refused(start(&person).await, Code::FailedPrecondition, "SIGN_IN_NOT_RECENT");
}
