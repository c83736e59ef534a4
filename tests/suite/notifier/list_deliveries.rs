use tonic::Code;
use usher_api::notifier::{DeliveryState, ListDeliveriesRequest};

use super::{about, invite_by_mail, list, resend, when_delivery};
use crate::support::address;
use crate::support::mail::the_mail;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{grant, invite, managed};

#[tokio::test]
async fn tells_what_became_of_a_mail() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let sent = when_delivery(&admin, &invitation.name, DeliveryState::Sent, 1).await;
    assert_eq!(sent.name, format!("deliveries/{}", sent.uid));
    assert_eq!(sent.invitation, invitation.name);
    assert_eq!(sent.message_id, format!("<{}>", the_mail(&email).await.message_id));
    assert!(sent.message_id.contains(&sent.uid) && sent.last_error.is_empty());
    assert!(sent.create_time.is_some() && sent.send_time.is_some() && sent.next_attempt_time.is_none());
}

#[tokio::test]
async fn tells_why_a_mail_was_not_taken_without_its_address() {
    let (admin, email) = (admin().await, address("refuse-550"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let failed = when_delivery(&admin, &invitation.name, DeliveryState::Failed, 1).await;
    assert_eq!(failed.last_error, "the mail server answered 550");
    assert!(failed.send_time.is_none() && failed.next_attempt_time.is_none());
}

#[tokio::test]
async fn pages_through_all_newest_first() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let mut made = vec![when_delivery(&admin, &invitation.name, DeliveryState::Sent, 1).await.name];
    for _ in 0..2 {
        resend(&admin, &invitation.name).await;
        let newest = sandbox::until("there is another mail", || async {
            let newest = list(&admin, about(&invitation.name)).await.ok()?.deliveries.into_iter().next()?;
            (!made.contains(&newest.name)).then_some(newest.name)
        });
        made.insert(0, newest.await);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListDeliveriesRequest { page_size: 2, page_token, ..about(&invitation.name) };
        let page = list(&admin, request).await.unwrap();
        assert!(page.deliveries.len() <= 2);
        seen.extend(page.deliveries.into_iter().map(|delivery| delivery.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn filters_by_state() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &address("guest")).await;
    when_delivery(&admin, &invitation.name, DeliveryState::Sent, 1).await;
    let count = async |states: &[DeliveryState]| {
        let states = states.iter().map(|state| (*state).into()).collect();
        list(&admin, ListDeliveriesRequest { states, ..about(&invitation.name) })
            .await
            .unwrap()
            .deliveries
            .len()
    };
    assert_eq!(count(&[DeliveryState::Sent]).await, 1);
    assert_eq!(count(&[DeliveryState::Failed, DeliveryState::Sent]).await, 1);
    assert_eq!(count(&[DeliveryState::Failed, DeliveryState::Deferred]).await, 0);
}

#[tokio::test]
async fn an_invitation_without_a_mail_has_no_delivery() {
    let (admin, guest) = (admin().await, Person::new("guest").await);
    let community = managed(&admin).await;
    let silent = invite(&admin, &community, &guest.email, vec![grant(&community, &["guest"])]).await;
    // By the time a later mail has gone, one for this would be known.
    let later = invite_by_mail(&admin, &community, &address("later")).await;
    when_delivery(&admin, &later.name, DeliveryState::Sent, 1).await;
    assert!(list(&admin, about(&silent.name)).await.unwrap().deliveries.is_empty());
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_only() {
    let admin = admin().await;
    let community = managed(&admin).await;
    for name in ["a", "b"] {
        let invitation = invite_by_mail(&admin, &community, &address(name)).await;
        when_delivery(&admin, &invitation.name, DeliveryState::Sent, 1).await;
    }
    let all = ListDeliveriesRequest { page_size: 1, ..ListDeliveriesRequest::default() };
    let first = list(&admin, all.clone()).await.unwrap();
    for page_token in [first.next_page_token, "forged".to_owned()] {
        let states = vec![DeliveryState::Sent.into()];
        let answer = list(&admin, ListDeliveriesRequest { page_token, states, ..all.clone() }).await;
        refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let bad = ListDeliveriesRequest {
        invitation: "invitations/x".to_owned(),
        states: vec![DeliveryState::Sent.into(), 77, 0],
        page_size: -1,
        page_token: String::new(),
        mail: "mail".to_owned(),
        kinds: vec![9],
    };
    refused_fields(
        list(&admin().await, bad).await,
        &["invitation", "mail", "states[1]", "states[2]", "page_size", "kinds[0]"],
    );
}

#[tokio::test]
async fn platform_administrators_may_look_and_other_people_may_not() {
    let (admin, stranger) = (admin().await, Person::new("stranger").await);
    let request = ListDeliveriesRequest { page_size: 1, ..ListDeliveriesRequest::default() };
    admin.caller.notifier().list_deliveries(request.clone()).await.unwrap();
    let answer = stranger.caller.notifier().list_deliveries(request).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}
