use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::RequestEmailVerificationRequest;

use super::account_mails::{count, mail_to};
use super::change_row;
use crate::support::mail::about;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, throttled};
use crate::support::rows::unprove_mailbox;

async fn ask(caller: &Caller, name: &str) -> Result<(), Status> {
    let request = RequestEmailVerificationRequest { name: name.to_owned() };
    caller.identity().request_email_verification(request).await.map(|_| ())
}

async fn unproven() -> Person {
    let mira = Person::new("mira").await;
    unprove_mailbox(&mira.name).await;
    mira
}

#[tokio::test]
async fn mails_a_link_to_the_address_of_the_account() {
    let mira = unproven().await;
    ask(&mira.caller, &mira.name).await.unwrap();
    let mail = about(&mira.email, "Confirm your address").await;
    assert!(mail.link().starts_with("https://usher.test/verify-email/usher_act_"), "{mail:?}");
}

#[tokio::test]
async fn three_mails_within_a_quarter_of_an_hour_are_the_most() {
    let mira = unproven().await;
    for _ in 0..3 {
        ask(&mira.caller, "users/me").await.unwrap();
    }
    throttled(ask(&mira.caller, "users/me").await, "MAIL_THROTTLED", "MAILS_TO_ADDRESS");
    assert_eq!(count(&mira.email, "email_verification").await, 3);
}

#[tokio::test]
async fn whoever_has_proven_the_mailbox_gets_no_mail() {
    let mira = Person::new("mira").await;
    let metadata = refused(ask(&mira.caller, "users/me").await, Code::FailedPrecondition, "EMAIL_VERIFIED");
    assert_eq!(metadata["user"], mira.name);
}

#[tokio::test]
async fn a_mail_that_comes_too_late_is_not_sent() {
    let mira = unproven().await;
    ask(&mira.caller, "users/me").await.unwrap();
    about(&mira.email, "Confirm your address").await;
    // It is tried once more when the mailbox has been proven.
    let mail = mail_to(&mira.email).await;
    change_row(
        "UPDATE account SET email_verified = $1 WHERE id = $2",
        [true.into(), super::id(&mira.name).into()],
    )
    .await;
    let notifier = Caller::nobody().service("notifier");
    let request = usher_api::identity::MintAccountMailRequest { name: mail };
    refused(notifier.identity().mint_account_mail(request).await, Code::FailedPrecondition, "MAIL_ENDED");
}

#[tokio::test]
async fn nobody_asks_for_another() {
    let (mira, noor, admin) = (unproven().await, Person::new("noor").await, admin().await);
    for caller in [&noor.caller, &admin.caller] {
        refused(ask(caller, &mira.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
    }
    refused(ask(&Caller::nobody(), &mira.name).await, Code::Unauthenticated, "TOKEN_MISSING");
}
