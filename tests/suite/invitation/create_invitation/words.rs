//! What an invitation says besides what it offers: the inviter's message, the language, annotations.

use tonic::Code;
use usher_api::community::{CommunitySettings, PersonalMessages};
use usher_api::invitation::GetInvitationRequest;

use crate::support::acts::set_community;
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::refused;
use crate::support::tree::{grant, managed, mint, mssp, offer};

/// Whether invitations into `community` may carry messages.
async fn set_messages(admin: &Person, community: &str, may: PersonalMessages) {
    let settings = CommunitySettings { personal_messages: may.into(), ..CommunitySettings::default() };
    set_community(admin, community, settings).await;
}

#[tokio::test]
async fn keeps_the_language_and_the_annotations() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut request = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    let asked = request.invitation.as_mut().unwrap();
    asked.locale = "pt_br".to_owned();
    asked.display_name = "Mira O\u{2019}Kafor".to_owned();
    asked.annotations = [("crm/ticket".to_owned(), "A-17".to_owned())].into();
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    let invitation = answer.invitation.unwrap();
    assert_eq!((&*invitation.locale, &*invitation.annotations["crm/ticket"]), ("pt-BR", "A-17"));
    assert_eq!(invitation.display_name, "Mira O\u{2019}Kafor");
    let seen = GetInvitationRequest { name: invitation.name.clone() };
    let seen = admin.caller.invitation().get_invitation(seen).await.unwrap().into_inner().invitation;
    assert_eq!(seen, Some(invitation));
}

#[tokio::test]
async fn a_personal_message_is_refused_unless_every_community_allows_it() {
    let admin = admin().await;
    let tree = mssp(&admin, 2).await;
    let grants = || tree.inside.iter().map(|place| grant(place, &["guest"])).collect::<Vec<_>>();
    let request = || {
        let mut request = offer(&tree.root, &address("guest"), grants());
        request.invitation.as_mut().unwrap().message = "Welcome!\r\nSee you on Monday.".to_owned();
        request
    };
    let ask = || async { admin.caller.invitation().create_invitation(request()).await };
    let metadata = refused(ask().await, Code::FailedPrecondition, "MESSAGE_NOT_ALLOWED");
    assert_eq!(metadata["communities"], tree.inside.join(","));
    set_messages(&admin, &tree.inside[0], PersonalMessages::Allowed).await;
    let metadata = refused(ask().await, Code::FailedPrecondition, "MESSAGE_NOT_ALLOWED");
    assert_eq!(metadata["communities"], tree.inside[1]);

    set_messages(&admin, &tree.root, PersonalMessages::Allowed).await;
    let invitation = ask().await.unwrap().into_inner().invitation.unwrap();
    assert_eq!(invitation.message, "Welcome!\nSee you on Monday.");
    // What the mail is made of.
    let minted = mint(&admin, &invitation.name).await.unwrap();
    assert_eq!(minted.offer.unwrap().message, invitation.message);

    set_messages(&admin, &tree.root, PersonalMessages::Forbidden).await;
    refused(ask().await, Code::FailedPrecondition, "MESSAGE_NOT_ALLOWED");
}
