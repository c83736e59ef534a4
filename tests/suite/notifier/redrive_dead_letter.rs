use tonic::Code;
use usher_api::invitation::RevokeInvitationRequest;
use usher_api::notifier::{DeadLetter, DeliveryState, ListDeadLettersRequest, RedriveDeadLetterRequest};

use super::{dead_letters, invite_by_mail, when_delivery};
use crate::support::mail::the_mail;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::managed;
use crate::support::{address, request_id};

fn request(letter: &DeadLetter) -> RedriveDeadLetterRequest {
    RedriveDeadLetterRequest { name: letter.name.clone(), request_id: request_id() }
}

#[tokio::test]
async fn a_mail_that_failed_is_sent_under_the_same_id() {
    let (admin, email) = (admin().await, address("refuse-once-554"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let failed = when_delivery(&admin, &invitation.name, DeliveryState::Failed, 1).await;
    let letter = dead_letters(&admin, &failed.name).await.remove(0);
    let (mut client, request) = (admin.caller.notifier(), request(&letter));
    let redriven =
        client.redrive_dead_letter(request.clone()).await.unwrap().into_inner().dead_letter.unwrap();
    assert!(redriven.redrive_time.is_some());
    let sent = when_delivery(&admin, &invitation.name, DeliveryState::Sent, 2).await;
    assert_eq!(
        (&sent.name, &sent.message_id),
        (&failed.name, &format!("<{}>", the_mail(&email).await.message_id))
    );
    // It is dealt with, and seen only by those who ask for that.
    assert!(dead_letters(&admin, &failed.name).await.is_empty());
    let all = ListDeadLettersRequest { delivery: failed.name, show_redriven: true, ..Default::default() };
    assert_eq!(client.list_dead_letters(all).await.unwrap().into_inner().dead_letters, [redriven.clone()]);
    let again = client.redrive_dead_letter(request.clone()).await.unwrap().into_inner();
    assert_eq!(again.dead_letter, Some(redriven));
    let other = RedriveDeadLetterRequest { request_id: request_id(), ..request };
    let metadata =
        refused(client.redrive_dead_letter(other).await, Code::FailedPrecondition, "DEAD_LETTER_REDRIVEN");
    assert_eq!(metadata["dead_letter"], letter.name);
}

#[tokio::test]
async fn a_mail_that_nobody_needs_any_more_is_not_sent() {
    let (admin, email) = (admin().await, address("refuse-once-554"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let failed = when_delivery(&admin, &invitation.name, DeliveryState::Failed, 1).await;
    let name = invitation.name.clone();
    let revocation = RevokeInvitationRequest { name, request_id: request_id(), ..Default::default() };
    admin.caller.invitation().revoke_invitation(revocation).await.unwrap();
    let letter = dead_letters(&admin, &failed.name).await.remove(0);
    admin.caller.notifier().redrive_dead_letter(request(&letter)).await.unwrap();
    when_delivery(&admin, &invitation.name, DeliveryState::Skipped, 2).await;
}

#[tokio::test]
async fn knows_no_other_names() {
    let mut client = admin().await.caller.notifier();
    let name = "deadLetters/00000000-0000-0000-0000-000000000001".to_owned();
    let unknown = RedriveDeadLetterRequest { name: name.clone(), request_id: request_id() };
    let answer = client.redrive_dead_letter(unknown).await;
    assert_eq!(refused(answer, Code::NotFound, "DEAD_LETTER_NOT_FOUND")["dead_letter"], name);
    let bad = RedriveDeadLetterRequest { name: "deadLetters/1".to_owned(), request_id: "1".to_owned() };
    refused_fields(client.redrive_dead_letter(bad).await, &["name", "request_id"]);
}
