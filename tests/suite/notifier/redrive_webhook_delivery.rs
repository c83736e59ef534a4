use tonic::Code;
use usher_api::notifier::{RedriveWebhookDeliveryRequest, WebhookDeliveryState, WebhookState};

use crate::support::endpoint::{Answer, Endpoint};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::{let_the_attempts_come, set_attempts};
use crate::support::tree::{managed, member};
use crate::support::webhooks::{redrive, set_state, test_webhook, webhook, when};

/// Waits for the first failure of a delivery, and makes the next attempt its last.
async fn give_up(admin: &Person, webhook: &str, delivery: &str) {
    when(admin, delivery, WebhookDeliveryState::Deferred, 1).await;
    set_attempts(delivery, 9).await;
    let_the_attempts_come(webhook).await;
    when(admin, delivery, WebhookDeliveryState::Failed, 10).await;
}

#[tokio::test]
async fn what_was_given_up_is_tried_once_under_the_same_id() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let fails = Answer::Status(500);
    let endpoint = Endpoint::answering([fails.clone(), fails.clone(), fails, Answer::Status(200)]).await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let sent = test_webhook(&admin, &made.name).await.unwrap();
    give_up(&admin, &made.name, &sent.name).await;
    let queued = redrive(&admin, &sent.name).await.unwrap();
    assert_eq!((queued.state(), queued.end_time), (WebhookDeliveryState::Queued, None));
    when(&admin, &sent.name, WebhookDeliveryState::Failed, 11).await;
    redrive(&admin, &sent.name).await.unwrap();
    let done = when(&admin, &sent.name, WebhookDeliveryState::Succeeded, 12).await;
    assert!(done.end_time.is_some());
    let posts = endpoint.posts();
    assert!(posts.len() == 4 && posts.iter().all(|post| post.id() == sent.event_id), "{posts:?}");
    let answer = redrive(&admin, &sent.name).await;
    let metadata = refused(answer, Code::FailedPrecondition, "WEBHOOK_DELIVERY_NOT_ENDED");
    assert_eq!(metadata["delivery"], sent.name);
}

#[tokio::test]
async fn a_repetition_changes_nothing() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::answering([Answer::Status(500)]).await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let sent = test_webhook(&admin, &made.name).await.unwrap();
    give_up(&admin, &made.name, &sent.name).await;
    let request = RedriveWebhookDeliveryRequest { name: sent.name.clone(), request_id: request_id() };
    let mut client = admin.caller.notifier();
    let first = client.redrive_webhook_delivery(request.clone()).await.unwrap().into_inner();
    when(&admin, &sent.name, WebhookDeliveryState::Failed, 11).await;
    assert_eq!(client.redrive_webhook_delivery(request).await.unwrap().into_inner(), first);
    when(&admin, &sent.name, WebhookDeliveryState::Failed, 11).await;
}

#[tokio::test]
async fn refuses_whoever_may_not_and_webhooks_that_are_disabled() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let endpoint = Endpoint::answering([Answer::Status(500)]).await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let sent = test_webhook(&admin, &made.name).await.unwrap();
    give_up(&admin, &made.name, &sent.name).await;
    let guest = member(&admin, &community, &community, &["guest"]).await;
    let metadata = refused(redrive(&guest, &sent.name).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "webhooks.update");
    let crossed = redrive(&admin, &sent.name.replace(&community, &other)).await;
    refused(crossed, Code::NotFound, "WEBHOOK_DELIVERY_NOT_FOUND");
    set_state(&admin, &made.name, WebhookState::Disabled).await;
    let answer = redrive(&admin, &sent.name).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "WEBHOOK_DISABLED")["webhook"], made.name);
    let bad = RedriveWebhookDeliveryRequest { name: made.name, request_id: "1".to_owned() };
    refused_fields(admin.caller.notifier().redrive_webhook_delivery(bad).await, &["name", "request_id"]);
}
