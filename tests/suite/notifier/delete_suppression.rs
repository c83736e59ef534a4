use tonic::Code;
use usher_api::notifier::{DeleteSuppressionRequest, DeliveryState};

use super::{invite_by_mail, resend, suppress, suppression_of, when_delivery};
use crate::support::mail::the_mail;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::managed;
use crate::support::{address, request_id};

#[tokio::test]
async fn mails_go_again() {
    let (admin, email) = (admin().await, address("guest"));
    let made = suppress(&admin, &email).await;
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Suppressed, 1).await;
    let request = DeleteSuppressionRequest { name: made.name.clone(), request_id: request_id() };
    let mut client = admin.caller.notifier();
    client.delete_suppression(request.clone()).await.unwrap();
    assert!(suppression_of(&admin, &email).await.is_none());
    client.delete_suppression(request).await.expect("the same request gets the same answer");
    let again = DeleteSuppressionRequest { name: made.name.clone(), request_id: request_id() };
    let metadata = refused(client.delete_suppression(again).await, Code::NotFound, "SUPPRESSION_NOT_FOUND");
    assert_eq!(metadata["suppression"], made.name);
    resend(&admin, &invitation.name).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Sent, 1).await;
    the_mail(&email).await;
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let bad = DeleteSuppressionRequest { name: "suppressions/1".to_owned(), request_id: "1".to_owned() };
    refused_fields(admin().await.caller.notifier().delete_suppression(bad).await, &["name", "request_id"]);
}
