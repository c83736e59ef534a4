use sandbox::until;
use tonic::Code;
use usher_api::invitation::{DeliveryState as Shown, GetInvitationRequest};
use usher_api::notifier::{CreateSuppressionRequest, DeliveryState, Suppression, SuppressionReason};

use super::{invite_by_mail, resend, suppress, suppression_of, when_delivery};
use crate::support::mail::mails;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::managed;
use crate::support::{address, request_id};

#[tokio::test]
async fn no_mail_goes_to_a_suppressed_address_in_any_spelling() {
    let (admin, email) = (admin().await, address("guest"));
    let made = suppress(&admin, &email.to_uppercase()).await;
    assert_eq!(made.reason(), SuppressionReason::Administrator);
    assert!(made.email.is_empty() && made.masked_email.starts_with("G•••@"), "{made:?}");
    assert!(made.create_time.is_some() && made.expire_time.is_none() && made.delivery.is_empty());
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let delivery = when_delivery(&admin, &invitation.name, DeliveryState::Suppressed, 1).await;
    assert!(delivery.last_error.contains(&made.name), "{}", delivery.last_error);
    let get = GetInvitationRequest { name: invitation.name };
    until("the invitation says so", || async {
        let shown =
            admin.caller.invitation().get_invitation(get.clone()).await.ok()?.into_inner().invitation?;
        (shown.delivery_state() == Shown::Suppressed).then_some(())
    })
    .await;
    assert!(mails(&sandbox::current().mailbox, &email).is_empty());
}

#[tokio::test]
async fn a_server_that_knows_no_such_mailbox_suppresses_for_a_day() {
    let (admin, email) = (admin().await, address("refuse-550"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let failed = when_delivery(&admin, &invitation.name, DeliveryState::Failed, 1).await;
    let made = suppression_of(&admin, &email).await.expect("the address is suppressed");
    assert_eq!((made.reason(), &made.delivery), (SuppressionReason::NoSuchMailbox, &failed.name));
    let life = made.expire_time.unwrap().seconds - made.create_time.unwrap().seconds;
    assert_eq!(life, 24 * 60 * 60);
    resend(&admin, &invitation.name).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Suppressed, 1).await;
}

#[tokio::test]
async fn another_refusal_suppresses_nothing() {
    let (admin, email) = (admin().await, address("refuse-once-554"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Failed, 1).await;
    assert!(suppression_of(&admin, &email).await.is_none());
}

#[tokio::test]
async fn an_address_is_suppressed_once() {
    let (admin, email) = (admin().await, address("guest"));
    let made = suppress(&admin, &email).await;
    let again = request(&email, "");
    let answer = admin.caller.notifier().create_suppression(again).await;
    let metadata = refused(answer, Code::AlreadyExists, "SUPPRESSION_EXISTS");
    assert_eq!(metadata["suppression"], made.name);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let (admin, email) = (admin().await, address("guest"));
    let request =
        CreateSuppressionRequest { request_id: request_id(), ..request(&email, " asked by phone ") };
    let mut client = admin.caller.notifier();
    let first = client.create_suppression(request.clone()).await.unwrap().into_inner().suppression.unwrap();
    assert_eq!(first.note, "asked by phone");
    let second = client.create_suppression(request).await.unwrap().into_inner().suppression.unwrap();
    assert_eq!(first, second);
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let request = CreateSuppressionRequest {
        request_id: "again".to_owned(),
        ..request("a@example.com, b@example.com", "a\u{7}")
    };
    let answer = admin().await.caller.notifier().create_suppression(request).await;
    refused_fields(answer, &["suppression.email", "suppression.note", "request_id"]);
}

fn request(email: &str, note: &str) -> CreateSuppressionRequest {
    let (email, note) = (email.to_owned(), note.to_owned());
    let suppression = Some(Suppression { email, note, ..Suppression::default() });
    CreateSuppressionRequest { suppression, request_id: String::new() }
}
