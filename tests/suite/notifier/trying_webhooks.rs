//! How often webhooks are told, and when they are given up.

use std::time::Duration;

use usher_api::notifier::{WebhookDelivery, WebhookDeliveryState, WebhookDisableReason, WebhookState};

use crate::support::endpoint::{Answer, Endpoint};
use crate::support::people::{Person, admin};
use crate::support::rows::{age_failure, let_the_attempts_come, told_by_notifier};
use crate::support::tree::managed;
use crate::support::webhooks::{deliveries, get_delivery, get_webhook, test_webhook, webhook, when};

const DAY: Duration = Duration::from_hours(24);

/// Has a test sent to `url`, and returns the webhook and the delivery.
async fn sent(admin: &Person, url: &str) -> (String, WebhookDelivery) {
    let community = managed(admin).await;
    let (made, _) = webhook(admin, &community, url, &["settings.*"]).await;
    let delivery = test_webhook(admin, &made.name).await.unwrap();
    (made.name, delivery)
}

#[tokio::test]
async fn what_fails_is_tried_again_by_itself_under_the_same_id() {
    let admin = admin().await;
    let endpoint = Endpoint::answering([Answer::Status(500), Answer::Status(202)]).await;
    let (name, delivery) = sent(&admin, &endpoint.url).await;
    let failed = when(&admin, &delivery.name, WebhookDeliveryState::Deferred, 1).await;
    assert_eq!((failed.last_response_code, failed.end_time), (500, None));
    assert!(get_webhook(&admin, &name).await.unwrap().failing_since_time.is_some());
    let done = when(&admin, &delivery.name, WebhookDeliveryState::Succeeded, 2).await;
    assert_eq!((done.last_response_code, done.next_attempt_time), (202, None));
    assert!(get_webhook(&admin, &name).await.unwrap().failing_since_time.is_none());
    let posts = endpoint.posts();
    assert_eq!((posts.len(), posts[0].id(), &posts[0].body), (2, posts[1].id(), &posts[1].body));
    let time = |at: usize| posts[at].headers["webhook-timestamp"].parse::<i64>().unwrap();
    assert!(time(1) - time(0) >= 4, "after 5 seconds, in whole seconds");
}

#[tokio::test]
async fn silence_broken_and_refused_connections_are_failures() {
    let admin = admin().await;
    let broken = Endpoint::answering([Answer::BreakOff]).await;
    let silent = Endpoint::answering([Answer::Silence]).await;
    for url in [&broken.url, &silent.url, "http://127.0.0.1:1/"] {
        let (_, delivery) = sent(&admin, url).await;
        let failed = when(&admin, &delivery.name, WebhookDeliveryState::Deferred, 1).await;
        assert_eq!(failed.last_response_code, 0, "{url}");
        assert!(!failed.last_error.is_empty() && failed.next_attempt_time.is_some(), "{url}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let admin = admin().await;
    let target = Endpoint::new().await;
    let endpoint = Endpoint::answering([Answer::Redirect(target.url.clone())]).await;
    let (_, delivery) = sent(&admin, &endpoint.url).await;
    let failed = when(&admin, &delivery.name, WebhookDeliveryState::Deferred, 1).await;
    assert_eq!((failed.last_response_code, target.posts().len()), (302, 0));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_disables_its_webhook() {
    let admin = admin().await;
    let endpoint = Endpoint::answering([Answer::Status(410)]).await;
    let (name, delivery) = sent(&admin, &endpoint.url).await;
    let failed = when(&admin, &delivery.name, WebhookDeliveryState::Failed, 1).await;
    assert_eq!(failed.last_response_code, 410);
    let webhook = get_webhook(&admin, &name).await.unwrap();
    assert_eq!(
        (webhook.state(), webhook.disable_reason()),
        (WebhookState::Disabled, WebhookDisableReason::Gone)
    );
    assert_eq!(told_by_notifier("webhook.disabled", &name).await, 1);
}

#[tokio::test]
async fn an_endpoint_that_fails_for_five_days_disables_its_webhook() {
    let admin = admin().await;
    let endpoint = Endpoint::answering([Answer::Status(500)]).await;
    let (name, delivery) = sent(&admin, &endpoint.url).await;
    for (days, attempts, state) in [(4, 2, WebhookState::Enabled), (5, 3, WebhookState::Disabled)] {
        when(&admin, &delivery.name, WebhookDeliveryState::Deferred, attempts - 1).await;
        age_failure(&name, DAY * days).await;
        let_the_attempts_come(&name).await;
        when(&admin, &delivery.name, WebhookDeliveryState::Deferred, attempts).await;
        assert_eq!(get_webhook(&admin, &name).await.unwrap().state(), state, "after {days} days");
    }
    let webhook = get_webhook(&admin, &name).await.unwrap();
    assert_eq!(webhook.disable_reason(), WebhookDisableReason::Failing);
    assert_eq!(told_by_notifier("webhook.disabled", &name).await, 1);
    let_the_attempts_come(&name).await;
    when(&admin, &delivery.name, WebhookDeliveryState::Skipped, 3).await;
    assert_eq!(endpoint.posts().len(), 3);
}

#[tokio::test]
async fn a_slow_endpoint_holds_up_no_other() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let silent = Endpoint::answering([Answer::Silence]).await;
    let (slow, _) = webhook(&admin, &community, &silent.url, &["settings.*"]).await;
    for _ in 0..20 {
        test_webhook(&admin, &slow.name).await.unwrap();
    }
    silent.when("webhook.tested", 4).await;
    let prompt = Endpoint::new().await;
    let (_, delivery) = sent(&admin, &prompt.url).await;
    when(&admin, &delivery.name, WebhookDeliveryState::Succeeded, 1).await;
    let states: Vec<_> = deliveries(&admin, &slow.name).await.iter().map(WebhookDelivery::state).collect();
    let count = |state| states.iter().filter(|it| **it == state).count();
    assert!(count(WebhookDeliveryState::Queued) >= 12, "{states:?}");
    assert!(count(WebhookDeliveryState::Sending) <= 4, "{states:?}");
    assert!(get_delivery(&admin, &delivery.name).await.unwrap().attempts == 1);
}
