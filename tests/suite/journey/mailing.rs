//! From the request to the mailbox and back to the invitation.

use sandbox::until;
use usher_api::invitation::{DeliveryState, GetInvitationRequest, Invitation, RevokeInvitationRequest};

use crate::support::address;
use crate::support::mail::{arrived, the_mail};
use crate::support::people::{Person, admin};
use crate::support::tree::{accept, allowed, grant, managed, mssp, offer};

async fn invite_by_mail(inviter: &Person, root: &str, email: &str, places: &[&String]) -> Invitation {
    let grants = places.iter().map(|place| grant(place, &["guest"])).collect();
    let mut request = offer(root, email, grants);
    request.notify = None;
    let answer = inviter.caller.invitation().create_invitation(request).await.unwrap();
    answer.into_inner().invitation.unwrap()
}

async fn when_delivered(inviter: &Person, name: &str, state: DeliveryState) -> Invitation {
    until(&format!("the mail is {state:?}"), || async {
        let request = GetInvitationRequest { name: name.to_owned() };
        let seen = inviter
            .caller
            .invitation()
            .get_invitation(request)
            .await
            .unwrap()
            .into_inner()
            .invitation
            .unwrap();
        (seen.delivery_state() == state).then_some(seen)
    })
    .await
}

#[tokio::test]
async fn one_mail_leads_into_two_communities() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let tree = mssp(&admin, 2).await;
    let invitation =
        invite_by_mail(&admin, &tree.root, &guest.email, &[&tree.inside[0], &tree.inside[1]]).await;
    let mail = the_mail(&guest.email).await;
    assert!(mail.html.contains("Join your new community") && mail.html.contains(&mail.link()));
    assert!(mail.text.contains("Ada Admin"));
    accept(&guest, &mail.token()).await.unwrap();
    for place in &tree.inside {
        assert!(allowed(&guest, place, "communities.get").await);
    }
    let delivered = when_delivered(&admin, &invitation.name, DeliveryState::Sent).await;
    assert!(delivered.last_send_time.is_some());
    assert_eq!(arrived(&guest.email, 1).await.len(), 1);
}

#[tokio::test]
async fn news_about_the_mail_do_not_change_the_etag() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &address("guest"), &[&community]).await;
    let delivered = when_delivered(&admin, &invitation.name, DeliveryState::Sent).await;
    assert_eq!(delivered.etag, invitation.etag);
    let request =
        RevokeInvitationRequest { name: invitation.name, etag: invitation.etag, ..Default::default() };
    admin.caller.invitation().revoke_invitation(request).await.unwrap();
}

#[tokio::test]
async fn a_mailbox_that_refuses_is_told_to_the_inviter() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &address("refuse-550"), &[&community]).await;
    when_delivered(&admin, &invitation.name, DeliveryState::Failed).await;
}

#[tokio::test]
async fn a_mailbox_that_puts_off_is_told_to_the_inviter() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &address("defer-451"), &[&community]).await;
    when_delivered(&admin, &invitation.name, DeliveryState::Deferred).await;
}
