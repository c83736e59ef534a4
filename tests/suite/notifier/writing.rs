//! What mails say: to whom, in which language, with which image.

use image::ImageFormat;
use prost::Message as _;
use prost_types::FieldMask;
use usher_api::community::UpdateCommunityImageRequest;
use usher_api::identity::{UpdateUserRequest, User};
use usher_api::invitation::{InvitationEvent, RevokeInvitationRequest};
use usher_api::notifier::{DeliveryKind, DeliveryState};

use super::{about as deliveries, invite_by_mail, list, when_delivery};
use crate::identity::account_mails::forget_password;
use crate::support::keys::key;
use crate::support::mail::{about, arrived, mails, the_mail};
use crate::support::people::{Person, admin};
use crate::support::picture::picture;
use crate::support::rows::tell_of_invitation;
use crate::support::tree::{accept, grant, join, managed, offer};
use crate::support::{address, request_id};
use sandbox::until;

/// A member of `community` who may invite.
async fn inviter(admin: &Person, community: &str) -> Person {
    let person = Person::new("inviter").await;
    join(admin, community, &person, vec![grant(community, &["admin"])]).await;
    person
}

#[tokio::test]
async fn guests_with_and_without_an_account_are_told_what_to_do() {
    let (admin, known, unknown) = (admin().await, Person::new("known").await, address("unknown"));
    let community = managed(&admin).await;
    invite_by_mail(&admin, &community, &known.email).await;
    invite_by_mail(&admin, &community, &unknown).await;
    let words = "You have an account with this address already";
    assert!(about(&known.email, "invites you").await.text.contains(words));
    let mail = the_mail(&unknown).await;
    assert!(!mail.text.contains(words) && mail.text.contains("You need no account beforehand"));
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.header("From").contains("via Usher"), "{}", mail.raw);
    assert!(mail.header("List-Unsubscribe").starts_with("<mailto:stop@usher.test?subject=unsubscribe%20"));
}

#[tokio::test]
async fn the_image_of_the_community_is_in_the_mail() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    let request = UpdateCommunityImageRequest {
        name: community.clone(),
        image: picture(ImageFormat::Png, 8),
        etag: String::new(),
        request_id: request_id(),
    };
    admin.caller.community().update_community_image(request).await.unwrap();
    invite_by_mail(&admin, &community, &email).await;
    let mail = the_mail(&email).await;
    assert!(mail.html.contains("src=\"cid:community-image\""), "{}", mail.html);
    assert!(
        mail.raw.contains("Content-ID: <community-image>") && mail.raw.contains("Content-Type: image/png")
    );
}

/// Has `person` say which language he reads.
async fn reads(person: &Person, locale: &str) {
    let user = User { name: person.name.clone(), locale: locale.to_owned(), ..User::default() };
    let request = UpdateUserRequest {
        user: Some(user),
        update_mask: Some(FieldMask { paths: vec!["locale".to_owned()] }),
        request_id: request_id(),
    };
    person.caller.identity().update_user(request).await.unwrap();
}

#[tokio::test]
async fn guests_read_what_the_inviter_says_unless_they_have_said_themselves() {
    let (admin, known, silent, unknown) =
        (admin().await, Person::new("known").await, Person::new("silent").await, address("unknown"));
    reads(&known, "de").await;
    let community = managed(&admin).await;
    for (email, subject) in [
        (&known.email, "lädt Sie zu Community"),
        (&silent.email, "vous invite à rejoindre Community"),
        (&unknown, "vous invite à rejoindre Community"),
    ] {
        let mut request = offer(&community, email, vec![grant(&community, &["guest"])]);
        request.notify = None;
        request.invitation.as_mut().unwrap().locale = "fr".to_owned();
        admin.caller.invitation().create_invitation(request).await.unwrap();
        about(email, subject).await;
    }
}

#[tokio::test]
async fn mails_are_in_the_language_of_the_reader() {
    let person = Person::new("reader").await;
    for (locale, subject) in [("de-CH", "Wählen Sie ein neues Passwort"), ("pt-BR", "Choose a new password")]
    {
        reads(&person, locale).await;
        forget_password(&person.email).await.unwrap();
        let mail = about(&person.email, subject).await;
        assert!(mail.header("List-Unsubscribe").is_empty(), "nobody unsubscribes from his own account");
    }
}

#[tokio::test]
async fn an_inviter_learns_that_his_invitation_did_not_arrive() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (inviter, email) = (inviter(&admin, &community).await, address("refuse-550"));
    let invitation = invite_by_mail(&inviter, &community, &email).await;
    let mail = about(&inviter.email, "Your invitation did not reach refuse-550").await;
    assert!(mail.text.contains("did not take your invitation"), "{}", mail.text);
    assert!(!mail.text.contains("/join/"), "the link is the guest's");
    // It is no news of the invitation.
    let told = list(&admin, deliveries(&invitation.name)).await.unwrap().deliveries;
    let kinds: Vec<_> = told.iter().map(|delivery| (delivery.kind(), delivery.state())).collect();
    assert!(kinds.contains(&(DeliveryKind::Invitation, DeliveryState::Failed)), "{kinds:?}");
    assert!(kinds.iter().any(|(kind, _)| *kind == DeliveryKind::DeliveryFailed), "{kinds:?}");
}

#[tokio::test]
async fn an_inviter_learns_that_a_guest_accepted() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let inviter = inviter(&admin, &community).await;
    invite_by_mail(&inviter, &community, &guest.email).await;
    let mail = about(&guest.email, "invites you").await;
    accept(&guest, &mail.token()).await.unwrap();
    let mail = about(&inviter.email, "Mira Okafor has joined Community").await;
    assert!(mail.text.contains("guest.") && mail.text.contains("Guest"), "{}", mail.text);
}

#[tokio::test]
async fn a_program_invites_in_the_name_of_the_community_and_is_told_nothing() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let inviter = key(&admin, &community, &["invitations.create", "roles.assign"]).await;
    let (email, lost) = (address("guest"), address("refuse-550"));
    let mut names = Vec::new();
    for to in [&email, &lost] {
        let mut request = offer(&community, to, vec![grant(&community, &["guest"])]);
        request.notify = None;
        let answer = inviter.caller.invitation().create_invitation(request).await.unwrap().into_inner();
        names.push(answer.invitation.unwrap().name);
    }
    let mail = the_mail(&email).await;
    let (inviting, invited_to) = mail.subject.split_once(" invites you to ").unwrap();
    assert!(inviting.starts_with("Community ") && inviting == invited_to, "{}", mail.subject);
    // That it did not arrive is for nobody to read.
    until("the outcome is passed over", || async {
        let told = list(&admin, deliveries(&names[1])).await.ok()?.deliveries;
        told.into_iter()
            .find(|it| it.kind() == DeliveryKind::DeliveryFailed && it.state() == DeliveryState::Skipped)
    })
    .await;
}

#[tokio::test]
async fn a_reminder_comes_when_it_is_due_unless_the_invitation_has_ended() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    the_mail(&email).await;
    let due = InvitationEvent { invitation: invitation.name.clone(), notify: true, ..Default::default() };
    tell_of_invitation("invitation.reminder_due", &invitation.name, due.encode_to_vec()).await;
    let reminder = arrived(&email, 2).await.remove(1);
    assert!(reminder.subject.starts_with("Your invitation to Community"), "{}", reminder.subject);
    assert!(reminder.text.contains(&reminder.link()), "{}", reminder.text);
    let newest = when_delivery(&admin, &invitation.name, DeliveryState::Sent, 1).await;
    assert_eq!(newest.kind(), DeliveryKind::Reminder);

    let name = invitation.name.clone();
    let revocation = RevokeInvitationRequest { name, request_id: request_id(), ..Default::default() };
    admin.caller.invitation().revoke_invitation(revocation).await.unwrap();
    tell_of_invitation("invitation.reminder_due", &invitation.name, due.encode_to_vec()).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Skipped, 1).await;
    assert_eq!(mails(&sandbox::current().mailbox, &email).len(), 2);
}
