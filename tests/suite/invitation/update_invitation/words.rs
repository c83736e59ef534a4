//! The message of an invitation that waits.

use prost_types::FieldMask;
use tonic::Code;
use usher_api::community::{CommunitySettings, PersonalMessages};
use usher_api::invitation::{Invitation, UpdateInvitationRequest};

use super::{get, invited, offering, set, update};
use crate::support::acts::set_community;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, invite, managed, mint, mssp};

fn saying(message: &str) -> Invitation {
    Invitation { message: message.to_owned(), ..Invitation::default() }
}

async fn let_messages(admin: &Person, community: &str, messages: PersonalMessages) {
    let settings = CommunitySettings { personal_messages: messages.into(), ..CommunitySettings::default() };
    set_community(admin, community, settings).await;
}

#[tokio::test]
async fn the_next_mail_has_the_words_of_the_last_change() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let_messages(&admin, &community, PersonalMessages::Allowed).await;
    let name = invited(&admin, &community).await.name;
    let changed = update(&admin, set(&name, saying(" See you\r\non Monday. "))).await.unwrap();
    assert_eq!(changed.message, "See you\non Monday.");
    assert_eq!(get(&admin, &name).await.message, changed.message);
    let minted = mint(&admin, &name).await;
    assert_eq!(minted.unwrap().offer.unwrap().message, changed.message);
    // By the mask it is taken away.
    let update_mask = Some(FieldMask { paths: vec!["message".to_owned()] });
    let silent = UpdateInvitationRequest { update_mask, ..set(&name, Invitation::default()) };
    assert_eq!(update(&admin, silent).await.unwrap().message, "");
    for wrong in ["a\u{7}b", "a\u{202e}b", &"x".repeat(1_001)] {
        refused_fields(update(&admin, set(&name, saying(wrong))).await, &["invitation.message"]);
    }
}

#[tokio::test]
async fn words_that_a_community_does_not_allow_are_refused_wherever_they_come_from() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let (talking, mute) = (&tree.inside[0], &tree.inside[1]);
    let_messages(&admin, talking, PersonalMessages::Allowed).await;
    let silent = invite(&admin, &tree.root, &address("guest"), vec![grant(mute, &["guest"])]).await.name;
    let answer = update(&admin, set(&silent, saying("Welcome!"))).await;
    let metadata = refused(answer, Code::FailedPrecondition, "MESSAGE_NOT_ALLOWED");
    assert_eq!(metadata["communities"], *mute);
    // Nor are they carried to where they are not.
    let name = invite(&admin, &tree.root, &address("guest"), vec![grant(talking, &["guest"])]).await.name;
    update(&admin, set(&name, saying("Welcome!"))).await.unwrap();
    let moved = offering(vec![grant(mute, &["guest"])]);
    let answer = update(&admin, set(&name, moved.clone())).await;
    refused(answer, Code::FailedPrecondition, "MESSAGE_NOT_ALLOWED");
    let update_mask = Some(FieldMask { paths: vec!["grants".to_owned(), "message".to_owned()] });
    let moved = UpdateInvitationRequest { update_mask, ..set(&name, moved) };
    let moved = update(&admin, moved).await.unwrap();
    assert_eq!((&moved.grants[0].community, &*moved.message), (mute, ""));
}
