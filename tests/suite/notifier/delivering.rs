//! Mails, and those that do not go at the first attempt.

use sandbox::Service;
use sea_orm::{ConnectionTrait as _, Statement};
use usher_api::community::GetCommunityRequest;
use usher_api::invitation::RevokeInvitationRequest;
use usher_api::notifier::DeliveryState;

use super::{dead_letters, invite_by_mail, when_delivery};
use crate::support::mail::{arrived, mails, the_mail};
use crate::support::people::admin;
use crate::support::rows::{database, let_the_invitation_end};
use crate::support::tree::managed;
use crate::support::{address, request_id};

/// Makes the next attempt due at once, which would come after a minute.
async fn hurry(invitation: &str) {
    hurry_as("deferred", invitation).await;
}

/// Makes a delivery that waits due at once, in `state`.
async fn hurry_as(state: &str, invitation: &str) {
    let database = database(Service::Notifier).await;
    let sql =
        "UPDATE delivery SET available_time = 0, state = $1 WHERE invitation = $2 AND state = 'deferred'";
    let values = [state.into(), invitation.into()];
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    let updated = database.execute_raw(statement).await.expect("the statement runs");
    assert_eq!(updated.rows_affected(), 1, "one delivery waits");
}

#[tokio::test]
async fn a_mail_says_who_invites_into_what() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    invite_by_mail(&admin, &community, &email).await;
    let request = GetCommunityRequest { name: community };
    let community = admin.caller.community().get_community(request).await.unwrap().into_inner().community;
    let (name, mail) = (community.unwrap().display_name, the_mail(&email).await);
    assert_eq!(mail.subject, format!("Ada Admin invites you to {name}"));
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("Ada Admin") && part.contains(&name) && part.contains("Guest"), "{part}");
        assert!(part.contains("Join your new community") && part.contains(&mail.link()), "{part}");
    }
}

#[tokio::test]
async fn a_mail_that_was_put_off_is_sent_later() {
    let (admin, email) = (admin().await, address("defer-451"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let waiting = when_delivery(&admin, &invitation.name, DeliveryState::Deferred, 1).await;
    assert_eq!(waiting.last_error, "the mail server answered 451");
    let (made, next) = (waiting.create_time.unwrap(), waiting.next_attempt_time.unwrap());
    assert!((55..120).contains(&(next.seconds - made.seconds)), "the next attempt comes after a minute");
    hurry(&invitation.name).await;
    let sent = when_delivery(&admin, &invitation.name, DeliveryState::Sent, 2).await;
    assert_eq!(sent.message_id, format!("<{}>", the_mail(&email).await.message_id));
    assert!(sent.last_error.is_empty());
}

#[tokio::test]
async fn a_mail_whose_last_word_was_lost_is_sent_again_under_the_same_id() {
    let (admin, email) = (admin().await, address("vanish"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Deferred, 1).await;
    hurry(&invitation.name).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Sent, 2).await;
    let copies = arrived(&email, 2).await;
    assert_eq!(copies.len(), 2);
    assert_eq!(copies[0].message_id, copies[1].message_id);
}

#[tokio::test]
async fn an_invitation_that_was_revoked_meanwhile_is_not_mailed() {
    let (admin, email) = (admin().await, address("defer-451"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Deferred, 1).await;
    let name = invitation.name.clone();
    let revocation = RevokeInvitationRequest { name, request_id: request_id(), ..Default::default() };
    admin.caller.invitation().revoke_invitation(revocation).await.unwrap();
    hurry(&invitation.name).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Skipped, 2).await;
    assert!(mails(&sandbox::current().mailbox, &email).is_empty());
}

#[tokio::test]
async fn a_mail_that_no_attempt_delivered_in_time_is_given_up() {
    let (admin, email) = (admin().await, address("defer-451"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Deferred, 1).await;
    let_the_invitation_end(&invitation.name).await;
    hurry(&invitation.name).await;
    let failed = when_delivery(&admin, &invitation.name, DeliveryState::Failed, 2).await;
    assert!(failed.last_error.ends_with("the mail server answered 451"), "{}", failed.last_error);
    assert_eq!(dead_letters(&admin, &failed.name).await.len(), 1);
    assert!(mails(&sandbox::current().mailbox, &email).is_empty());
}

#[tokio::test]
async fn a_mail_whose_sender_died_is_sent_by_another_when_the_lease_ends() {
    let (admin, email) = (admin().await, address("defer-451"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Deferred, 1).await;
    hurry_as("sending", &invitation.name).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Sent, 2).await;
    the_mail(&email).await;
}
