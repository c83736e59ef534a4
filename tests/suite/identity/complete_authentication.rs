use futures::future::join_all;
use sandbox::Caller;
use tonic::Code;
use usher_api::identity::complete_authentication_request::Proof;
use usher_api::identity::{
    ChangePasswordRequest, CompleteAuthenticationRequest, ListSignInsRequest, SecondFactor, SignInOutcome,
};

use super::account_mails::{OTHER, reset, reset_request, reset_token};
use super::{change_row, change_rows, get, id};
use crate::support::mail::about;
use crate::support::people::PASSWORD;
use crate::support::refusal::{reason, refused, refused_fields};
use crate::support::request_id;
use crate::support::two_factor::{Enrolled, complete, forget_codes};

fn totp(code: &str) -> Proof {
    Proof::TotpCode(code.to_owned())
}

#[tokio::test]
async fn a_code_of_the_app_opens_the_account() {
    let mira = Enrolled::new("mira").await;
    let challenge = mira.challenge().await;
    let factors: Vec<_> = challenge.factors().collect();
    assert_eq!(factors, [SecondFactor::Totp, SecondFactor::BackupCode]);
    let answer = complete(&challenge.token, totp(&mira.app.code(0))).await.unwrap();
    assert_eq!(answer.challenge, None);
    let credentials = answer.credentials.unwrap();
    let caller = Caller::nobody().bearing(&credentials.access_token);
    assert_eq!(get(&caller, "users/me").await.unwrap().name, mira.person.name);
}

#[tokio::test]
async fn a_code_serves_once_also_if_it_is_used_twice_at_once() {
    let mira = Enrolled::new("mira").await;
    let code = mira.app.code(0);
    let challenges = [mira.challenge().await, mira.challenge().await, mira.challenge().await];
    let answers = join_all(challenges.iter().map(|it| complete(&it.token, totp(&code)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(reason(&answer.unwrap_err()), "SECOND_FACTOR_INVALID");
    }
    let again = complete(&mira.challenge().await.token, totp(&mira.app.code(-1))).await;
    refused(again, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
    complete(&mira.challenge().await.token, totp(&mira.app.code(1))).await.expect("the next one serves");
}

#[tokio::test]
async fn a_backup_code_serves_once_however_it_is_typed() {
    let mira = Enrolled::new("mira").await;
    let [first, second, ..] = mira.backup_codes.as_slice() else { panic!("there are ten") };
    let typed = first.to_uppercase().replace('-', " ");
    complete(&mira.challenge().await.token, Proof::BackupCode(typed)).await.unwrap();
    let again = complete(&mira.challenge().await.token, Proof::BackupCode(first.clone())).await;
    refused(again, Code::Unauthenticated, "SECOND_FACTOR_INVALID");

    let challenges = [mira.challenge().await, mira.challenge().await];
    let twice = challenges.iter().map(|it| complete(&it.token, Proof::BackupCode(second.clone())));
    let answers = join_all(twice).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}

#[tokio::test]
async fn who_was_not_fast_enough_takes_no_place_of_the_next() {
    let mira = Enrolled::new("mira").await;
    let challenge = mira.challenge().await;
    let proofs = mira.backup_codes[..6].iter().map(|code| Proof::BackupCode(code.clone()));
    let answers = join_all(proofs.map(|proof| complete(&challenge.token, proof))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    // Five failures would lock, and so many attempts are looked at at once.
    let next = mira.challenge().await;
    complete(&next.token, totp(&mira.app.code(0))).await.expect("there is place");
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_in_time() {
    let mira = Enrolled::new("mira").await;
    let challenge = mira.challenge().await;
    let proofs = mira.backup_codes[..3].iter().map(|code| Proof::BackupCode(code.clone()));
    let answers = join_all(proofs.map(|proof| complete(&challenge.token, proof))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(reason(&answer.unwrap_err()), "CHALLENGE_INVALID");
    }
    // What was tried in vain is not used up.
    let left = "DELETE FROM backup_code WHERE account_id = $1";
    change_rows(left, [id(&mira.person.name).into()], 9).await;

    let late = mira.challenge().await;
    change_row("UPDATE challenge SET expire_time = 1 WHERE account_id = $1", [id(&mira.person.name).into()])
        .await;
    let answer = complete(&late.token, totp(&mira.app.code(0))).await;
    refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
}

#[tokio::test]
async fn five_wrong_codes_in_a_day_lock_whatever_else_is_right() {
    let mira = Enrolled::new("mira").await;
    for guess in 0..5 {
        // Each hours after the one before, and after the password, whose being right forgives nothing.
        let challenge = mira.challenge().await;
        let wrong =
            if guess % 2 == 0 { totp("000000") } else { Proof::BackupCode("aaaa-aaaa-aaaa-aaaa".into()) };
        refused(complete(&challenge.token, wrong).await, Code::Unauthenticated, "SECOND_FACTOR_INVALID");
        let time = "UPDATE sign_in SET create_time = create_time - 14400000000 WHERE account_id = $1";
        change_rows(time, [id(&mira.person.name).into()], 2 * guess + 3).await;
        // It was a day ago, too, that he enrolled, which forgave what was before.
        let time = "UPDATE sign_in_guard SET reset_time = 0 WHERE unlock_time IS NULL AND address_key IN \
                    (SELECT address_key FROM sign_in WHERE account_id = $1 AND outcome = 'failed')";
        change_rows(time, [id(&mira.person.name).into()], u64::from(guess < 4)).await;
    }
    let challenge = mira.challenge().await;
    for proof in [totp(&mira.app.code(0)), Proof::BackupCode(mira.backup_codes[0].clone())] {
        let metadata =
            refused(complete(&challenge.token, proof).await, Code::FailedPrecondition, "SIGN_IN_LOCKED");
        assert!(metadata["unlock_time"].ends_with('Z'));
    }
    about(&mira.person.email, "locked for a while").await;
}

#[tokio::test]
async fn twenty_guesses_at_once_are_no_more_than_five() {
    let mira = Enrolled::new("mira").await;
    let challenge = mira.challenge().await;
    let guesses = (0..20).map(|guess| complete(&challenge.token, totp(&format!("{guess:06}"))));
    let answers = join_all(guesses).await;
    let told: Vec<_> = answers.into_iter().map(|answer| reason(&answer.unwrap_err())).collect();
    assert_eq!(told.iter().filter(|reason| *reason == "SECOND_FACTOR_INVALID").count(), 5, "{told:?}");
    assert_eq!(told.iter().filter(|reason| *reason == "SIGN_IN_LOCKED").count(), 15, "{told:?}");
}

#[tokio::test]
async fn a_new_password_voids_challenges() {
    let mira = Enrolled::new("mira").await;
    let challenge = mira.challenge().await;
    let change = ChangePasswordRequest {
        name: "users/me".to_owned(),
        current_password: PASSWORD.to_owned(),
        new_password: OTHER.to_owned(),
        request_id: request_id(),
    };
    mira.person.caller.identity().change_password(change).await.unwrap();
    let answer = complete(&challenge.token, totp(&mira.app.code(0))).await;
    refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
}

#[tokio::test]
async fn a_reset_of_the_password_leaves_the_second_factor() {
    let mira = Enrolled::new("mira").await;
    let before = mira.challenge().await;
    reset(reset_request(&reset_token(&mira.person.email).await)).await.unwrap();
    let answer = complete(&before.token, totp(&mira.app.code(0))).await;
    refused(answer, Code::Unauthenticated, "CHALLENGE_INVALID");
    let answer = crate::support::two_factor::authenticate(&mira.person.email, OTHER).await.unwrap();
    assert_eq!(answer.credentials, None);
    complete(&answer.challenge.unwrap().token, totp(&mira.app.code(0))).await.unwrap();
}

#[tokio::test]
async fn the_person_sees_each_step() {
    let mira = Enrolled::new("mira").await;
    let challenge = mira.challenge().await;
    complete(&challenge.token, totp("000000")).await.unwrap_err();
    complete(&challenge.token, totp(&mira.app.code(0))).await.unwrap();
    forget_codes(&mira.person.name).await;
    let request = ListSignInsRequest { parent: "users/me".to_owned(), ..Default::default() };
    let listed = mira.person.caller.identity().list_sign_ins(request).await.unwrap().into_inner().sign_ins;
    let outcomes: Vec<_> =
        listed.iter().map(|sign_in| (sign_in.outcome(), sign_in.device.as_str())).collect();
    let device = "Firefox on Linux";
    assert_eq!(
        outcomes[..3],
        [
            (SignInOutcome::Succeeded, device),
            (SignInOutcome::Failed, device),
            (SignInOutcome::Challenged, device)
        ]
    );
}

#[tokio::test]
async fn wrong_fields_are_refused() {
    let send = async |proof| {
        let request = CompleteAuthenticationRequest { challenge_token: "usher_ch_x".to_owned(), proof };
        Caller::nobody().identity().complete_authentication(request).await
    };
    refused_fields(send(None).await, &["proof"]);
    refused_fields(send(Some(totp(""))).await, &["totp_code"]);
    refused_fields(send(Some(Proof::BackupCode("x".repeat(65)))).await, &["backup_code"]);
    refused_fields(send(Some(Proof::RecoveryCode(String::new()))).await, &["recovery_code"]);
    refused(send(Some(totp("123456"))).await, Code::Unauthenticated, "CHALLENGE_INVALID");
}
