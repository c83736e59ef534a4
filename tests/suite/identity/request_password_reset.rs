use futures::future::join_all;
use sandbox::{Caller, current};
use usher_api::identity::RequestPasswordResetRequest;

use super::account_mails::{count, forget_password, forget_password_at, mail_to, skipped};
use crate::support::address;
use crate::support::mail::{about, mails};
use crate::support::people::Person;
use crate::support::refusal::{refused_fields, throttled};
use crate::support::source::Source;

#[tokio::test]
async fn mails_a_link_to_whoever_has_an_account() {
    let mira = Person::new("mira").await;
    forget_password(&mira.email.to_uppercase()).await.unwrap();
    let mail = about(&mira.email, "Choose a new password").await;
    assert!(mail.link().starts_with("https://usher.test/reset-password/usher_act_"), "{mail:?}");
    assert!(mail.html.contains(&mail.link()) && mail.text.contains("Mira Okafor"));
}

#[tokio::test]
async fn says_the_same_to_others_and_mails_nothing() {
    let nobody = address("nobody");
    forget_password(&nobody).await.unwrap();
    let delivery = skipped(&mail_to(&nobody).await).await;
    assert!(delivery.invitation.is_empty() && delivery.attempts == 1);
    assert!(mails(&current().mailbox, &nobody).is_empty());
}

#[tokio::test]
async fn three_mails_within_a_quarter_of_an_hour_are_the_most() {
    let nobody = address("nobody");
    let all = join_all((0..10).map(|_| forget_password(&nobody))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(count(&nobody, "password_reset").await, 3);
    let aged = "UPDATE account_mail SET create_time = create_time - 900000001 WHERE email_canonical = $1";
    super::change_rows(aged, [nobody.as_str().into()], 3).await;
    forget_password(&nobody).await.unwrap();
    assert_eq!(count(&nobody, "password_reset").await, 4);
}

#[tokio::test]
async fn one_source_asks_twenty_times_within_ten_minutes() {
    let source = Source::new();
    let all = join_all((0..24).map(|_| {
        let source = source.clone();
        async move { forget_password_at(&source, &address("nobody")).await }
    }));
    let (asked, others): (Vec<_>, Vec<_>) = all.await.into_iter().partition(Result::is_ok);
    assert_eq!(asked.len(), 20, "{others:?}");
    for answer in others {
        let wait = throttled(answer, "MAIL_THROTTLED", "RESETS_FROM_SOURCE").as_secs();
        assert!((530..=600).contains(&wait), "{wait}");
    }
    forget_password(&address("nobody")).await.expect("others are not meant");
}

#[tokio::test]
async fn an_address_must_be_one() {
    for wrong in ["", "mira", "a@x.test, b@x.test"] {
        refused_fields(forget_password(wrong).await, &["email"]);
    }
    let request = RequestPasswordResetRequest { email: address("nobody") };
    Caller::nobody().identity().request_password_reset(request).await.expect("nobody needs a page");
}
