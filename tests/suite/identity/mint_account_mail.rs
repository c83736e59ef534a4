use sandbox::Caller;
use tonic::{Code, Status};
use usher_api::identity::{AccountMailKind, MintAccountMailRequest, MintAccountMailResponse};
use uuid::Uuid;

use super::account_mails::{forget_password, mail_to, reset, reset_request};
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};

async fn mint_as(caller: &Caller, name: &str) -> Result<MintAccountMailResponse, Status> {
    let request = MintAccountMailRequest { name: name.to_owned() };
    caller.identity().mint_account_mail(request).await.map(tonic::Response::into_inner)
}

async fn mint(name: &str) -> Result<MintAccountMailResponse, Status> {
    mint_as(&Caller::nobody().service("notifier"), name).await
}

fn token(mail: &MintAccountMailResponse) -> &str {
    mail.link.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn tells_what_to_write_with_a_link_of_its_own_each_time() {
    let mira = Person::new("mira").await;
    forget_password(&mira.email).await.unwrap();
    let name = mail_to(&mira.email).await;
    let (one, other) = (mint(&name).await.unwrap(), mint(&name).await.unwrap());
    assert_eq!(one.kind(), AccountMailKind::PasswordReset);
    assert_eq!((&one.recipient, one.full_name.as_str()), (&mira.email, "Mira Okafor"));
    assert!(one.expire_time.is_some() && one.expire_time == other.expire_time);
    assert_ne!(token(&one), token(&other));
    reset(reset_request(token(&one))).await.unwrap();
    let late = reset(reset_request(token(&other))).await;
    refused(late, Code::InvalidArgument, "MAIL_TOKEN_INVALID");
    refused(mint(&name).await, Code::FailedPrecondition, "MAIL_ENDED");
}

#[tokio::test]
async fn a_mail_that_nobody_needs_has_ended() {
    let nobody = address("nobody");
    forget_password(&nobody).await.unwrap();
    refused(mint(&mail_to(&nobody).await).await, Code::FailedPrecondition, "MAIL_ENDED");
    let none = format!("mails/{}", Uuid::new_v4());
    refused(mint(&none).await, Code::FailedPrecondition, "MAIL_ENDED");
}

#[tokio::test]
async fn is_for_the_notifier_alone() {
    let (mira, admin) = (Person::new("mira").await, admin().await);
    forget_password(&mira.email).await.unwrap();
    let name = mail_to(&mira.email).await;
    let services = ["alerts", "community", "invitation"].map(|name| Caller::nobody().service(name));
    for caller in services.iter().chain([&mira.caller, &admin.caller]) {
        refused(mint_as(caller, &name).await, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    refused(mint_as(&Caller::nobody(), &name).await, Code::Unauthenticated, "TOKEN_MISSING");
    refused_fields(mint("mail").await, &["name"]);
}
