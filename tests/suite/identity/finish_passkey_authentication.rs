use futures::future::join_all;
use sandbox::{Caller, until};
use serde_json::Value;
use tonic::Code;
use usher_api::identity::{FinishPasskeyAuthenticationRequest, ListSignInsRequest, SignInOutcome};

use super::{change_row, change_rows, get, id};
use crate::support::acts::{deactivate_user, delete_user};
use crate::support::authenticator::{Key, Manner};
use crate::support::passkeys::{Holder, ask, ask_from, show, sign_in};
use crate::support::people::{PASSWORD, admin};
use crate::support::refusal::{reason, refused, refused_fields};
use crate::support::rows::let_the_account_end;
use crate::support::source::Source;
use crate::support::two_factor::{Enrolled, authenticate};

#[tokio::test]
async fn opens_the_account_without_its_address_or_password() {
    let mut mira = Holder::new("mira").await;
    let credentials = mira.sign_in().await.unwrap();
    assert_eq!(credentials.user, mira.person.name);
    let caller = Caller::nobody().bearing(&credentials.access_token);
    assert_eq!(get(&caller, "users/me").await.unwrap().email, mira.person.email);
    mira.sign_in().await.expect("as often as the person wants");
}

#[tokio::test]
async fn nothing_more_is_asked_for_of_somebody_with_an_app() {
    let mira = Enrolled::new("mira").await;
    let mut holder = Holder::from(mira.person).await;
    holder.sign_in().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_wrong_opens_nothing() {
    let mut mira = Holder::new("mira").await;
    let noor = Holder::new("noor").await;
    let right = Manner::default();
    let wrong = [
        Manner { origin: "https://usher.test.evil.example".to_owned(), ..right.clone() },
        Manner { origin: "https://evil.usher.test".to_owned(), ..right.clone() },
        Manner { relying_party: "evil.example".to_owned(), ..right.clone() },
        Manner { challenge: Some("A".repeat(43)), ..right.clone() },
        Manner { verified: false, ..right.clone() },
    ];
    for manner in wrong {
        refused(sign_in(&mut mira.key, &manner).await, Code::Unauthenticated, "PASSKEY_INVALID");
        // Or the passkey would be locked.
        mira.sign_in().await.unwrap();
    }
    let handle = |person: &str| Value::from(base64_of(id(person).as_bytes()));
    let wrong = [
        Manner { present: false, ..right.clone() },
        Manner { kind: Some("webauthn.create"), ..right.clone() },
        Manner { user_handle: Some(Value::Null), ..right.clone() },
        Manner { user_handle: Some(handle(&noor.person.name)), ..right.clone() },
    ];
    for manner in wrong {
        refused(sign_in(&mut mira.key, &manner).await, Code::Unauthenticated, "PASSKEY_INVALID");
    }
    mira.sign_in().await.expect("it was the answers that were wrong");
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn another_key_of_the_same_name_opens_nothing() {
    let mira = Holder::new("mira").await;
    let mut forged = Key::new(mira.key.user_handle.clone());
    refused(sign_in(&mut forged, &Manner::default()).await, Code::Unauthenticated, "PASSKEY_INVALID");
    forged.id = mira.key.id.clone();
    forged.count = 100;
    refused(sign_in(&mut forged, &Manner::default()).await, Code::Unauthenticated, "PASSKEY_INVALID");
}

#[tokio::test]
async fn a_sign_in_is_finished_once_and_in_time_by_what_answers_it() {
    let mut mira = Holder::new("mira").await;
    let asked = ask().await;
    let shown = mira.key.show(&asked.request_options, &Manner::default());
    let token = asked.authentication_token.as_str();
    let answers = join_all((0..4).map(|_| show(token, &shown))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(reason(&answer.unwrap_err()), "CHALLENGE_INVALID");
    }
    // What answered one question does not answer another.
    let other = ask().await;
    refused(show(&other.authentication_token, &shown).await, Code::Unauthenticated, "PASSKEY_INVALID");
    // That one has served, though nobody got in by it.
    let shown = mira.key.show(&other.request_options, &Manner::default());
    refused(show(&other.authentication_token, &shown).await, Code::Unauthenticated, "CHALLENGE_INVALID");
    for text in ["", "usher_pk_AAAA", "usher_ch_AAAA"] {
        refused(show(text, &shown).await, Code::Unauthenticated, "CHALLENGE_INVALID");
    }
}

#[tokio::test]
async fn after_ten_minutes_it_is_too_late() {
    let (mut mira, source) = (Holder::new("mira").await, Source::new());
    let asked = ask_from(&source).await.unwrap();
    let range = source.address.replace("::1", "::");
    let late = "UPDATE passkey_ceremony SET expire_time = expire_time - 600000000 WHERE source_range = $1";
    change_row(late, [range.into()]).await;
    let shown = mira.key.show(&asked.request_options, &Manner::default());
    refused(show(&asked.authentication_token, &shown).await, Code::Unauthenticated, "CHALLENGE_INVALID");
}

#[tokio::test]
async fn of_two_copies_the_one_that_counts_less_opens_nothing() {
    let mut mira = Holder::new("mira").await;
    let mut copy = mira.key.clone();
    mira.sign_in().await.unwrap();
    mira.sign_in().await.unwrap();
    // The copy counts from where it was made.
    refused(sign_in(&mut copy, &Manner::default()).await, Code::Unauthenticated, "PASSKEY_INVALID");
    refused(sign_in(&mut copy, &Manner::default()).await, Code::Unauthenticated, "PASSKEY_INVALID");
    sign_in(&mut copy, &Manner::default()).await.expect("now it has counted further");
    refused(mira.sign_in().await, Code::Unauthenticated, "PASSKEY_INVALID");
}

#[tokio::test]
async fn of_several_with_the_same_count_at_once_one_gets_in() {
    let mira = Holder::new("mira").await;
    let copies = join_all((0..4).map(|_| async {
        let asked = ask().await;
        let shown = mira.key.clone().show(&asked.request_options, &Manner::default());
        (asked.authentication_token, shown)
    }));
    let copies = copies.await;
    let answers = join_all(copies.iter().map(|(token, shown)| show(token, shown))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}

#[tokio::test]
async fn an_authenticator_that_does_not_count_serves_any_number_of_times() {
    let mut mira = Holder::new("mira").await;
    mira.key.counts = false;
    for _ in 0..3 {
        mira.sign_in().await.unwrap();
    }
}

#[tokio::test]
async fn five_failures_lock_the_passkey_and_nothing_else() {
    let mut mira = Holder::new("mira").await;
    let mut stranger = Key::new(mira.key.user_handle.clone());
    let wrong = Manner { verified: false, ..Manner::default() };
    for key in [&mut mira.key, &mut stranger] {
        for _ in 0..5 {
            refused(sign_in(key, &wrong).await, Code::Unauthenticated, "PASSKEY_INVALID");
        }
        // Whether or not there is one.
        let answer = sign_in(key, &Manner::default()).await;
        let metadata = refused(answer, Code::FailedPrecondition, "SIGN_IN_LOCKED");
        assert!(metadata["unlock_time"].ends_with('Z'));
    }
    let answer = authenticate(&mira.person.email, PASSWORD).await.expect("the password is not locked");
    assert!(answer.challenge.is_some());
    let sql = "UPDATE sign_in_guard SET unlock_time = unlock_time - 1800000000 WHERE unlock_time IS NOT NULL \
               AND address_key IN (SELECT address_key FROM sign_in WHERE account_id = $1)";
    change_row(sql, [id(&mira.person.name).into()]).await;
    mira.sign_in().await.expect("it unlocks by itself");
}

#[tokio::test]
async fn the_person_sees_what_was_tried() {
    let mut mira = Holder::new("mira").await;
    sign_in(&mut mira.key, &Manner { verified: false, ..Manner::default() }).await.unwrap_err();
    mira.sign_in().await.unwrap();
    let request = ListSignInsRequest { parent: "users/me".to_owned(), ..Default::default() };
    let listed = mira.person.caller.identity().list_sign_ins(request).await.unwrap().into_inner().sign_ins;
    let outcomes: Vec<_> =
        listed.iter().map(|sign_in| (sign_in.outcome(), sign_in.device.as_str())).collect();
    let device = "Firefox on Linux";
    assert_eq!(outcomes[..2], [(SignInOutcome::Succeeded, device), (SignInOutcome::Failed, device)]);
}

#[tokio::test]
async fn an_account_that_cannot_be_used_is_told_only_to_whoever_has_the_passkey() {
    let (admin, mut mira) = (admin().await, Holder::new("mira").await);
    deactivate_user(&admin, &mira.person.name).await;
    let metadata = until("the news arrives", || async {
        let asked = ask().await;
        let shown = mira.key.clone().show(&asked.request_options, &Manner::default());
        let answer = show(&asked.authentication_token, &shown).await.err()?;
        (reason(&answer) == "USER_NOT_ACTIVE")
            .then(|| refused(Err::<(), _>(answer), Code::FailedPrecondition, "USER_NOT_ACTIVE"))
    })
    .await;
    assert_eq!(metadata["user"], mira.person.name);
    let wrong = Manner { verified: false, ..Manner::default() };
    mira.key.count += 10;
    refused(sign_in(&mut mira.key, &wrong).await, Code::Unauthenticated, "PASSKEY_INVALID");
}

#[tokio::test]
async fn nothing_is_left_of_an_account_that_was_destroyed() {
    let (admin, mira) = (admin().await, Holder::new("mira").await);
    crate::support::passkeys::start(&mira.person).await.unwrap();
    delete_user(&admin, &mira.person.name).await;
    let_the_account_end(&mira.person.name).await;
    for table in ["passkey", "passkey_ceremony"] {
        until("the rows are gone", || async {
            let count = format!("SELECT count(*) FROM {table} WHERE account_id = $1");
            let counted: i64 = super::row(&count, [id(&mira.person.name).into()])
                .await
                .try_get_by_index(0)
                .expect("it counts");
            (counted == 0).then_some(())
        })
        .await;
    }
    let mut key = mira.key;
    refused(sign_in(&mut key, &Manner::default()).await, Code::Unauthenticated, "PASSKEY_INVALID");
}

#[tokio::test]
async fn a_passkey_that_somebody_wrote_into_the_tables_opens_nothing() {
    let (mut thief, mira) = (Holder::new("thief").await, Holder::new("mira").await);
    // All that is stored of the thief's own, under the name of the victim.
    let sql = "UPDATE passkey SET account_id = $1 WHERE account_id = $2";
    change_rows(sql, [id(&mira.person.name).into(), id(&thief.person.name).into()], 1).await;
    let manner =
        Manner { user_handle: Some(base64_of(id(&mira.person.name).as_bytes()).into()), ..Manner::default() };
    let answer = sign_in(&mut thief.key, &manner).await.unwrap_err();
    assert_eq!(answer.code(), Code::Internal);
}

#[tokio::test]
async fn wrong_fields_are_told_together() {
    let send = async |credential: &str, device: &str| {
        let request = FinishPasskeyAuthenticationRequest {
            authentication_token: ask().await.authentication_token,
            credential: credential.to_owned(),
            device: device.to_owned(),
        };
        Caller::nobody().identity().finish_passkey_authentication(request).await
    };
    for wrong in ["", "{}", "[", &"x".repeat(32_769)] {
        refused_fields(send(wrong, &"x".repeat(201)).await, &["credential", "device"]);
    }
}
