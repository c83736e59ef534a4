use futures::future::join_all;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{
    AuthenticateRequest, Credentials, RequestEmailVerificationRequest, ResetPasswordRequest,
};

use super::account_mails::{OTHER, forget_password, reset, reset_request, reset_token};
use super::{change_row, change_rows, get, id, nobodys_name, refresh, row};
use crate::support::address;
use crate::support::mail::{Mail, about, arrived};
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::unprove_mailbox;
use crate::support::two_factor::Enrolled;

async fn sign_in(email: &str, password: &str) -> Result<Credentials, Status> {
    let request = AuthenticateRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        ..AuthenticateRequest::default()
    };
    let answer = Caller::nobody().identity().authenticate(request).await?.into_inner();
    Ok(answer.credentials.expect("they come"))
}

async fn is_useless(token: &str) {
    refused(reset(reset_request(token)).await, Code::InvalidArgument, "MAIL_TOKEN_INVALID");
}

#[tokio::test]
async fn the_new_password_opens_the_account_and_nothing_else_does() {
    let mira = Person::new("mira").await;
    let before = get(&mira.caller, "users/me").await.unwrap();
    let answer = reset(reset_request(&reset_token(&mira.email).await)).await.unwrap();
    assert_eq!((answer.user.as_str(), answer.password_strength), (mira.name.as_str(), 4));
    sign_in(&mira.email, OTHER).await.unwrap();
    refused(sign_in(&mira.email, PASSWORD).await, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let ended = refresh(&mira.credentials.refresh_token).await;
    refused(ended, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    assert_ne!(get(&mira.caller, "users/me").await.unwrap().etag, before.etag);
    let told = "SELECT version FROM outbox WHERE resource = $1 AND kind = 'user.password_changed'";
    assert_eq!(row(told, [mira.name.as_str().into()]).await.try_get::<i64>("", "version").unwrap(), 2);
    about(&mira.email, "Your password was changed").await;
}

#[tokio::test]
async fn a_link_serves_once_and_ends_the_others() {
    let mira = Person::new("mira").await;
    let first = reset_token(&mira.email).await;
    forget_password(&mira.email).await.unwrap();
    let both = arrived(&mira.email, 2).await;
    let second = both.iter().map(Mail::token).find(|token| *token != first).unwrap();
    reset(reset_request(&second).clone()).await.unwrap();
    is_useless(&second).await;
    is_useless(&first).await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let mira = Person::new("mira").await;
    let request = reset_request(&reset_token(&mira.email).await);
    let all = join_all((0..4).map(|_| reset(request.clone()))).await;
    for answer in all {
        assert_eq!(answer.unwrap().user, mira.name);
    }
    let other = ResetPasswordRequest { new_password: format!("{OTHER}, too"), ..request };
    refused(reset(other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    sign_in(&mira.email, OTHER).await.unwrap();
}

#[tokio::test]
async fn of_several_who_have_the_link_one_wins() {
    let mira = Person::new("mira").await;
    let token = reset_token(&mira.email).await;
    let wishes: Vec<String> = (0..6).map(|number| format!("{OTHER}, number {number}")).collect();
    let wish =
        |wish: &String| reset(ResetPasswordRequest { new_password: wish.clone(), ..reset_request(&token) });
    let answers = join_all(wishes.iter().map(wish)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let won = answers.iter().position(Result::is_ok).unwrap();
    for (place, answer) in answers.into_iter().enumerate() {
        if place == won {
            sign_in(&mira.email, &wishes[place]).await.unwrap();
        } else {
            refused(answer, Code::InvalidArgument, "MAIL_TOKEN_INVALID");
        }
    }
}

#[tokio::test]
async fn works_while_the_account_is_locked_and_unlocks_it() {
    let mira = Person::new("mira").await;
    for _ in 0..5 {
        sign_in(&mira.email, "not the password").await.unwrap_err();
    }
    refused(sign_in(&mira.email, PASSWORD).await, Code::FailedPrecondition, "SIGN_IN_LOCKED");
    assert!(about(&mira.email, "locked").await.text.contains("works again from"));
    reset(reset_request(&reset_token(&mira.email).await)).await.unwrap();
    sign_in(&mira.email, OTHER).await.unwrap();
}

#[tokio::test]
async fn half_an_hour_later_it_is_too_late() {
    let mira = Person::new("mira").await;
    let token = reset_token(&mira.email).await;
    let age = "UPDATE account_mail SET expire_time = expire_time - $1 WHERE account_id IS NULL AND email_canonical = $2";
    let email = || mira.email.to_lowercase();
    change_rows(age, [(29 * 60_000_000_i64).into(), email().into()], 1).await;
    let weak = ResetPasswordRequest { new_password: "too short".to_owned(), ..reset_request(&token) };
    refused_fields(reset(weak).await, &["new_password"]);
    change_rows(age, [60_000_000_i64.into(), email().into()], 1).await;
    is_useless(&token).await;
}

#[tokio::test]
async fn the_password_keeps_to_the_rules() {
    let mira = Person::new("mira").await;
    let token = reset_token(&mira.email).await;
    for weak in ["passwordpassword", "fourteen chars", &mira.email] {
        let weak = ResetPasswordRequest { new_password: weak.to_owned(), ..reset_request(&token) };
        refused_fields(reset(weak).await, &["new_password"]);
    }
    reset(reset_request(&token)).await.expect("what was refused used nothing up");
}

#[tokio::test]
async fn whoever_accepted_no_terms_does_so_now() {
    let mira = Person::new("mira").await;
    let forget = "UPDATE account SET terms_version = '', terms_accept_time = NULL WHERE id = $1";
    change_row(forget, [id(&mira.name).into()]).await;
    let request = reset_request(&reset_token(&mira.email).await);
    refused_fields(reset(request.clone()).await, &["terms_version"]);
    let accepting = ResetPasswordRequest { terms_version: "2026-02".to_owned(), ..request };
    reset(accepting).await.unwrap();
    let after = get(&mira.caller, "users/me").await.unwrap();
    assert_eq!(after.terms_version, "2026-02");
}

#[tokio::test]
async fn proves_the_mailbox_and_keeps_nothing_of_whoever_had_it_not() {
    let thief = Enrolled::new("mira").await.person;
    unprove_mailbox(&thief.name).await;
    reset(reset_request(&reset_token(&thief.email).await)).await.unwrap();
    let ended = refresh(&thief.credentials.refresh_token).await;
    refused(ended, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
    let mira = Person::signed_in(&Caller::nobody(), &thief.email, OTHER).await;
    assert!(get(&mira.caller, "users/me").await.unwrap().email_verified);
}

#[tokio::test]
async fn other_texts_and_links_for_something_else_are_useless() {
    let mira = Person::new("mira").await;
    for text in ["", "usher_act_", "usher_act_AAAA", &format!("usher_act_{}", "A".repeat(43))] {
        is_useless(text).await;
    }
    unprove_mailbox(&mira.name).await;
    let request = RequestEmailVerificationRequest { name: "users/me".to_owned() };
    mira.caller.identity().request_email_verification(request).await.unwrap();
    is_useless(&about(&mira.email, "Confirm your address").await.token()).await;
}

#[tokio::test]
async fn a_link_to_a_former_address_is_useless() {
    let mira = Person::new("mira").await;
    let token = reset_token(&mira.email).await;
    let new = address("mira");
    let sql = "UPDATE account SET email = $1, email_canonical = $1 WHERE id = $2";
    change_row(sql, [new.as_str().into(), id(&mira.name).into()]).await;
    is_useless(&token).await;
}

#[tokio::test]
async fn a_request_id_is_needed() {
    let none = ResetPasswordRequest { request_id: String::new(), ..reset_request(&nobodys_name()) };
    refused_fields(reset(none).await, &["request_id"]);
}
