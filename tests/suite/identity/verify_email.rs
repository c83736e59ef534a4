use futures::future::join_all;
use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{
    ChangeEmailRequest, RequestEmailVerificationRequest, RevokeSessionRequest, User, VerifyEmailRequest,
};

use super::account_mails::{OTHER, forget_password, reset, reset_request, reset_token};
use super::{change_rows, get, row, session_name};
use crate::support::mail::{Mail, about, arrived};
use crate::support::people::{PASSWORD, Person};
use crate::support::refusal::refused;
use crate::support::rows::unprove_mailbox;
use crate::support::{address, request_id};

async fn verify(caller: &Caller, token: &str) -> Result<User, Status> {
    verify_as(caller, token, &request_id()).await
}

async fn verify_as(caller: &Caller, token: &str, request_id: &str) -> Result<User, Status> {
    let request = VerifyEmailRequest {
        name: "users/me".to_owned(),
        token: token.to_owned(),
        request_id: request_id.to_owned(),
    };
    Ok(caller.identity().verify_email(request).await?.into_inner().user.expect("it comes"))
}

/// Somebody who asked to have the new address, and the secret that was mailed there.
async fn moving(new: &str) -> (Person, String) {
    let mira = asking(new).await;
    (mira, about(new, "Confirm your new address").await.token())
}

/// Somebody who asked to have the new address.
async fn asking(new: &str) -> Person {
    let mira = Person::new("mira").await;
    let request = ChangeEmailRequest {
        name: "users/me".to_owned(),
        email: new.to_owned(),
        current_password: PASSWORD.to_owned(),
    };
    mira.caller.identity().change_email(request).await.unwrap();
    mira
}

async fn useless(caller: &Caller, token: &str) {
    refused(verify(caller, token).await, Code::InvalidArgument, "MAIL_TOKEN_INVALID");
}

#[tokio::test]
async fn proves_the_address_of_the_account() {
    let mira = Person::new("mira").await;
    unprove_mailbox(&mira.name).await;
    let request = RequestEmailVerificationRequest { name: "users/me".to_owned() };
    mira.caller.identity().request_email_verification(request).await.unwrap();
    let token = about(&mira.email, "Confirm your address").await.token();
    let user = verify(&mira.caller, &token).await.unwrap();
    assert!(user.email_verified);
    assert_eq!(get(&mira.caller, "users/me").await.unwrap(), user);
    useless(&mira.caller, &token).await;
}

#[tokio::test]
async fn a_new_address_takes_the_place_of_the_former_which_is_told() {
    let new = address("Mira.New");
    let (mira, token) = moving(&new).await;
    let user = verify(&mira.caller, &token).await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), (new.as_str(), true));
    let notice = about(&mira.email, "was changed").await;
    assert!(!notice.text.contains(&new) && notice.text.contains("The new address is M•••@"), "{notice:?}");
    Person::signed_in(&Caller::nobody(), &new, PASSWORD).await;
    let told = "SELECT count(*) FROM outbox WHERE resource = $1 AND kind = 'user.updated'";
    assert_eq!(row(told, [mira.name.as_str().into()]).await.try_get_by_index::<i64>(0).unwrap(), 1);
    // The former address is free.
    Person::with_email(&Caller::nobody(), &mira.email).await;
}

#[tokio::test]
async fn only_whoever_asked_can_use_the_link() {
    let (mira, token) = moving(&address("new")).await;
    let noor = Person::new("noor").await;
    useless(&noor.caller, &token).await;
    refused(verify(&Caller::nobody(), &token).await, Code::Unauthenticated, "TOKEN_MISSING");
    verify(&mira.caller, &token).await.unwrap();
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let (mira, token) = moving(&address("new")).await;
    let again = request_id();
    let all = join_all((0..4).map(|_| verify_as(&mira.caller, &token, &again))).await;
    let all: Vec<User> = all.into_iter().map(Result::unwrap).collect();
    assert!(all.iter().all(|user| *user == all[0]), "{all:?}");
    useless(&mira.caller, &token).await;
}

#[tokio::test]
async fn an_address_that_somebody_took_meanwhile_stays_his() {
    let new = address("new");
    let (mira, token) = moving(&new).await;
    Person::with_email(&Caller::nobody(), &new).await;
    refused(verify(&mira.caller, &token).await, Code::AlreadyExists, "USER_EXISTS");
    assert_eq!(get(&mira.caller, "users/me").await.unwrap().email, mira.email);
}

#[tokio::test]
async fn of_two_who_take_an_address_at_once_one_gets_it() {
    let new = address("new");
    let ((mira, hers), noor) = (moving(&new).await, asking(&new).await);
    let both = arrived(&new, 2).await;
    let his = both.iter().map(Mail::token).find(|token| *token != hers).expect("each has its own");
    let (one, other) = tokio::join!(verify(&mira.caller, &hers), verify(&noor.caller, &his));
    let failed = match (one, other) {
        (Ok(_), Err(status)) | (Err(status), Ok(_)) => status,
        both => panic!("{both:?}"),
    };
    refused::<()>(Err(failed), Code::AlreadyExists, "USER_EXISTS");
}

/// Whoever knew the password has an access token for some minutes more.
#[tokio::test]
async fn a_move_ends_with_the_sessions_in_which_it_may_have_begun() {
    let (thief, token) = moving(&address("thief")).await;
    reset(reset_request(&reset_token(&thief.email).await)).await.unwrap();
    useless(&thief.caller, &token).await;
    let mira = Person::signed_in(&Caller::nobody(), &thief.email, OTHER).await;
    useless(&mira.caller, &token).await;
    assert_eq!(get(&mira.caller, "users/me").await.unwrap().email, thief.email);
}

#[tokio::test]
async fn a_session_that_was_ended_moves_nobody() {
    let (thief, token) = moving(&address("thief")).await;
    let mira = Person::signed_in(&Caller::nobody(), &thief.email, PASSWORD).await;
    let request = RevokeSessionRequest { name: session_name(&thief.credentials), request_id: request_id() };
    mira.caller.identity().revoke_session(request).await.unwrap();
    refused(verify(&thief.caller, &token).await, Code::Unauthenticated, "TOKEN_EXPIRED");
    verify(&mira.caller, &token).await.unwrap();
}

#[tokio::test]
async fn a_day_later_it_is_too_late() {
    let new = address("new");
    let (mira, token) = moving(&new).await;
    let age = "UPDATE account_mail SET expire_time = expire_time - 86400000000 WHERE email_canonical = $1";
    change_rows(age, [new.to_lowercase().into()], 1).await;
    useless(&mira.caller, &token).await;
}

#[tokio::test]
async fn links_for_something_else_are_useless() {
    let mira = Person::new("mira").await;
    let token = reset_token(&mira.email).await;
    useless(&mira.caller, &token).await;
    useless(&mira.caller, "").await;
    // They are not used up by that.
    forget_password(&mira.email).await.unwrap();
    let live = "SELECT count(*) FROM account_mail WHERE email_canonical = $1 AND end_time IS NULL";
    let counted = row(live, [mira.email.to_lowercase().into()]).await;
    assert_eq!(counted.try_get_by_index::<i64>(0).unwrap(), 2);
}
