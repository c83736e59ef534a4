use tonic::Code;
use usher_api::notifier::{DeliveryState, ListDeadLettersRequest};

use super::{dead_letters, invite_by_mail, when_delivery};
use crate::support::address;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::managed;

#[tokio::test]
async fn a_mail_that_failed_is_there_with_its_reason() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let failing = invite_by_mail(&admin, &community, &address("refuse-once-554")).await;
    let sent = invite_by_mail(&admin, &community, &address("guest")).await;
    let failed = when_delivery(&admin, &failing.name, DeliveryState::Failed, 1).await;
    let letters = dead_letters(&admin, &failed.name).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "the mail server answered 554");
    assert!(letters[0].create_time.is_some() && letters[0].redrive_time.is_none());
    let sent = when_delivery(&admin, &sent.name, DeliveryState::Sent, 1).await;
    assert!(dead_letters(&admin, &sent.name).await.is_empty());
}

#[tokio::test]
async fn pages_newest_first() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let mut failed = Vec::new();
    for _ in 0..2 {
        let invitation = invite_by_mail(&admin, &community, &address("refuse-once-554")).await;
        failed.push(when_delivery(&admin, &invitation.name, DeliveryState::Failed, 1).await.name);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    let mut client = admin.caller.notifier();
    while !seen.contains(&failed[0]) {
        let request = ListDeadLettersRequest { page_size: 1, page_token, ..Default::default() };
        let page = client.list_dead_letters(request.clone()).await.unwrap().into_inner();
        seen.extend(page.dead_letters.into_iter().map(|letter| letter.delivery));
        page_token = page.next_page_token;
    }
    let place = |name| seen.iter().position(|it| it == name);
    assert!(place(&failed[1]) < place(&failed[0]), "{seen:?}");
    for page_token in [page_token, "forged".to_owned()].into_iter().filter(|token| !token.is_empty()) {
        let request = ListDeadLettersRequest { show_redriven: true, page_token, ..Default::default() };
        refused(client.list_dead_letters(request).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let bad = ListDeadLettersRequest {
        delivery: "mails/1".to_owned(),
        page_size: -1,
        ..ListDeadLettersRequest::default()
    };
    refused_fields(admin().await.caller.notifier().list_dead_letters(bad).await, &["delivery", "page_size"]);
}
