use tonic::Code;
use usher_api::notifier::{TestWebhookRequest, WebhookDeliveryState, WebhookState};

use crate::support::endpoint::Endpoint;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{managed, member};
use crate::support::webhooks::{deliveries, set_state, test_webhook, webhook, when};

#[tokio::test]
async fn an_event_is_posted_whatever_the_webhook_wants() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::new().await;
    let (made, secret) = webhook(&admin, &community, &endpoint.url, &["settings.updated"]).await;
    let sent = test_webhook(&admin, &made.name).await.unwrap();
    assert_eq!((sent.state(), sent.attempts), (WebhookDeliveryState::Queued, 0));
    let done = when(&admin, &sent.name, WebhookDeliveryState::Succeeded, 1).await;
    assert_eq!((done.last_response_code, done.last_error.as_str()), (204, ""));
    let post = endpoint.posts().remove(0);
    assert_eq!((post.signed_by(&secret), post.id()), ((1, true), sent.event_id.as_str()));
    assert_eq!(post.json()["data"]["webhook"], made.name);
    assert_eq!(post.kind(), "webhook.tested");
}

#[tokio::test]
async fn a_repetition_posts_nothing() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::new().await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.updated"]).await;
    let request = TestWebhookRequest { name: made.name.clone(), request_id: request_id() };
    let mut client = admin.caller.notifier();
    let first = client.test_webhook(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.test_webhook(request).await.unwrap().into_inner(), first);
    assert_eq!(deliveries(&admin, &made.name).await.len(), 1);
}

#[tokio::test]
async fn refuses_whoever_may_not_and_one_that_is_disabled() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &["settings.updated"]).await;
    let guest = member(&admin, &community, &community, &["guest"]).await;
    let answer = test_webhook(&guest, &made.name).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "webhooks.update");
    set_state(&admin, &made.name, WebhookState::Disabled).await;
    let answer = test_webhook(&admin, &made.name).await;
    assert_eq!(refused(answer, Code::FailedPrecondition, "WEBHOOK_DISABLED")["webhook"], made.name);
    let bad = TestWebhookRequest { name: community, request_id: "1".to_owned() };
    refused_fields(admin.caller.notifier().test_webhook(bad).await, &["name", "request_id"]);
}
