use prost_types::FieldMask;
use tonic::{Code, Status};
use usher_api::notifier::{
    UpdateWebhookRequest, Webhook, WebhookDeliveryState, WebhookDisableReason, WebhookState,
};

use crate::support::endpoint::{Answer, Endpoint};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::{let_the_attempts_come, told_by_notifier};
use crate::support::tree::{managed, member, role};
use crate::support::webhooks::{get_webhook, set_state, test_webhook, webhook, when};

async fn update(person: &Person, webhook: &Webhook, paths: &[&str]) -> Result<Webhook, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateWebhookRequest {
        webhook: Some(webhook.clone()),
        update_mask: Some(FieldMask { paths }),
        request_id: request_id(),
    };
    Ok(person.caller.notifier().update_webhook(request).await?.into_inner().webhook.expect("it comes"))
}

#[tokio::test]
async fn changes_what_the_mask_names() {
    let admin = admin().await;
    let community = managed(&admin).await;
    // Of what happens here nothing is told, so that nothing fails meanwhile.
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &["role.deleted"]).await;
    let mut wanted = Webhook {
        url: "https://example.org/".to_owned(),
        description: "For the desk".to_owned(),
        event_types: vec!["member.*".to_owned(), "role.created".to_owned()],
        ..made.clone()
    };
    let named = update(&admin, &wanted, &["description"]).await.unwrap();
    assert_eq!((named.url.as_str(), named.description.as_str()), (made.url.as_str(), "For the desk"));
    wanted.set_state(WebhookState::Disabled);
    wanted.etag = named.etag;
    let changed = update(&admin, &wanted, &["url", "event_types", "state"]).await.unwrap();
    let mut expected = Webhook { etag: "3".to_owned(), update_time: changed.update_time, ..wanted };
    expected.set_disable_reason(WebhookDisableReason::Requested);
    assert_eq!((&changed, &get_webhook(&admin, &made.name).await.unwrap()), (&expected, &expected));
    assert_eq!(told_by_notifier("webhook.updated", &made.name).await, 2);
    assert_eq!(told_by_notifier("webhook.disabled", &made.name).await, 0);
}

#[tokio::test]
async fn one_that_is_disabled_is_told_nothing_more_not_even_what_waited() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let failing = Endpoint::answering([Answer::Status(500)]).await;
    let other = Endpoint::new().await;
    let (made, _) = webhook(&admin, &community, &failing.url, &[]).await;
    webhook(&admin, &community, &other.url, &[]).await;
    let waiting = test_webhook(&admin, &made.name).await.unwrap();
    when(&admin, &waiting.name, WebhookDeliveryState::Deferred, 1).await;
    let before = failing.posts().len();
    set_state(&admin, &made.name, WebhookState::Disabled).await;
    let_the_attempts_come(&made.name).await;
    let skipped = when(&admin, &waiting.name, WebhookDeliveryState::Skipped, 1).await;
    assert!(skipped.end_time.is_some() && skipped.next_attempt_time.is_none());
    role(&admin, &community, &["members.list"]).await;
    other.when("role.created", 1).await;
    assert_eq!(failing.posts().len(), before);
    let enabled = set_state(&admin, &made.name, WebhookState::Enabled).await;
    assert_eq!(enabled.disable_reason(), WebhookDisableReason::Unspecified);
    assert!(enabled.failing_since_time.is_none());
}

#[tokio::test]
async fn refuses_a_stale_etag_and_repeats_an_answer() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &[]).await;
    let request = UpdateWebhookRequest {
        webhook: Some(Webhook { description: "Another".to_owned(), ..made.clone() }),
        update_mask: Some(FieldMask { paths: vec!["description".to_owned()] }),
        request_id: request_id(),
    };
    let mut client = admin.caller.notifier();
    let first = client.update_webhook(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.update_webhook(request).await.unwrap().into_inner(), first);
    let stale = update(&admin, &made, &["description"]).await;
    assert_eq!(refused(stale, Code::Aborted, "ETAG_MISMATCH")["resource"], made.name);
}

#[tokio::test]
async fn refuses_whoever_may_not_and_webhooks_of_others() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &[]).await;
    let maker = role(&admin, &community, &["webhooks.create", "webhooks.list"]).await;
    let maker = member(&admin, &community, &community, &[&maker]).await;
    let metadata =
        refused(update(&maker, &made, &["description"]).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "webhooks.update");
    let crossed = Webhook { name: made.name.replace(&community, &other), ..made.clone() };
    refused(update(&admin, &crossed, &["description"]).await, Code::NotFound, "WEBHOOK_NOT_FOUND");
    let bad = Webhook { url: "example.com".to_owned(), state: 0, ..made };
    let answer = update(&admin, &bad, &["url", "state", "secret_create_time"]).await;
    refused_fields(answer, &["webhook.url", "webhook.state", "update_mask"]);
}
