//! What others learn of an invitation.

use prost::Message as _;
use sandbox::Service;
use sea_orm::{ConnectionTrait as _, Statement};
use usher_api::invitation::{
    DeclineInvitationRequest, Invitation, InvitationEvent, InvitationState, ResendInvitationRequest,
    RevokeInvitationRequest, RevokeReason, UpdateInvitationRequest,
};

use crate::support::acts::remove_member;
use crate::support::address;
use crate::support::mail::arrived;
use crate::support::people::{Person, admin};
use crate::support::rows::database;
use crate::support::tree::{accept, grant, invite, managed, member, offer, token};

/// Kind and message of every event about an invitation so far, in the order of their versions, of which none is missing. No
/// message holds the address.
async fn told(invitation: &Invitation) -> Vec<(String, InvitationEvent)> {
    let outbox = database(Service::Invitation).await;
    let sql = "SELECT kind, payload FROM outbox WHERE resource = $1 ORDER BY version";
    let name = invitation.name.clone();
    let statement = Statement::from_sql_and_values(outbox.get_database_backend(), sql, [name.into()]);
    let mut told = Vec::new();
    for (place, row) in outbox.query_all_raw(statement).await.unwrap().iter().enumerate() {
        let payload: Vec<u8> = row.try_get("", "payload").unwrap();
        assert!(!String::from_utf8_lossy(&payload).contains(&invitation.email));
        let event = InvitationEvent::decode(payload.as_slice()).unwrap();
        assert_eq!(event.invitation, invitation.name);
        assert_eq!(event.version, i64::try_from(place).unwrap() + 1);
        told.push((row.try_get("", "kind").unwrap(), event));
    }
    told
}

fn kinds(told: &[(String, InvitationEvent)]) -> Vec<&str> {
    told.iter().map(|(kind, _)| kind.trim_start_matches("invitation.")).collect()
}

#[tokio::test]
async fn a_life_from_the_first_mail_to_the_acceptance_is_told_whole() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let manager = member(&admin, &community, &community, &["manage_member"]).await;
    let mut request = offer(&community, &guest.email, vec![grant(&community, &["guest"])]);
    request.notify = None;
    let answer = manager.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    let invitation = answer.invitation.unwrap();
    arrived(&guest.email, 1).await;
    sandbox::until("the sending is told", || async { (told(&invitation).await.len() == 2).then_some(()) })
        .await;
    let changed = Invitation {
        name: invitation.name.clone(),
        grants: vec![grant(&community, &["analyst"])],
        ..Invitation::default()
    };
    let update = UpdateInvitationRequest { invitation: Some(changed), ..UpdateInvitationRequest::default() };
    admin.caller.invitation().update_invitation(update).await.unwrap();
    let link = token(&admin, &invitation.name).await;
    let accepted = accept(&guest, &link).await.unwrap();

    let told = told(&invitation).await;
    assert_eq!(kinds(&told), ["created", "sent", "updated", "accepted"]);
    let event = |place: usize| told[place].1.clone();
    assert_eq!(
        (event(0).notify, event(0).state(), event(0).actor),
        (true, InvitationState::Pending, manager.name)
    );
    assert_eq!((event(0).expire_time, event(0).grants), (invitation.expire_time, invitation.grants));
    assert_eq!((event(1).notify, event(1).actor.as_str()), (false, ""));
    assert_eq!(
        (event(2).actor, event(2).grants[0].roles.clone()),
        (admin.name, accepted.grants[0].roles.clone())
    );
    assert_eq!((event(3).state(), event(3).invitee), (InvitationState::Accepted, guest.name.clone()));
    assert_eq!((event(3).actor, event(3).grants), (guest.name, accepted.grants));
}

#[tokio::test]
async fn every_other_end_is_told_with_its_reason() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let somebody = || address("guest");
    let grants = || vec![grant(&community, &["guest"])];

    let declined = invite(&admin, &community, &somebody(), grants()).await;
    let resend =
        ResendInvitationRequest { name: declined.name.clone(), ..ResendInvitationRequest::default() };
    admin.caller.invitation().resend_invitation(resend).await.unwrap();
    arrived(&declined.email, 1).await;
    let link = token(&admin, &declined.name).await;
    let decline = DeclineInvitationRequest { token: link, ..DeclineInvitationRequest::default() };
    sandbox::Caller::nobody().invitation().decline_invitation(decline).await.unwrap();
    let life = told(&declined).await;
    assert!(life.iter().any(|(kind, event)| kind == "invitation.resent" && event.notify));
    let (_, last) = life.iter().find(|(kind, _)| kind == "invitation.declined").unwrap();
    assert_eq!((last.state(), last.actor.as_str()), (InvitationState::Declined, ""));

    let revoked = invite(&admin, &community, &somebody(), grants()).await;
    let revoke = RevokeInvitationRequest { name: revoked.name.clone(), ..RevokeInvitationRequest::default() };
    admin.caller.invitation().revoke_invitation(revoke).await.unwrap();
    let life = told(&revoked).await;
    assert_eq!(kinds(&life), ["created", "revoked"]);
    assert_eq!((life[1].1.revoke_reason(), &life[1].1.actor), (RevokeReason::Requested, &admin.name));

    let manager = member(&admin, &community, &community, &["manage_member"]).await;
    let orphaned = invite(&manager, &community, &somebody(), grants()).await;
    remove_member(&admin, &community, &manager.name).await;
    let life = sandbox::until("the end is told", || async {
        let life = told(&orphaned).await;
        (life.len() == 2).then_some(life)
    })
    .await;
    assert_eq!((life[1].1.revoke_reason(), life[1].1.actor.as_str()), (RevokeReason::InviterEnded, ""));
}
