use tonic::Code;
use usher_api::notifier::{ListWebhookDeliveriesRequest, WebhookDeliveryState};

use crate::support::endpoint::{Answer, Endpoint};
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{managed, member};
use crate::support::webhooks::{test_webhook, webhook, when};

#[tokio::test]
async fn pages_newest_first_by_state() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::answering([Answer::Status(500), Answer::Status(200)]).await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let failed = test_webhook(&admin, &made.name).await.unwrap().name;
    when(&admin, &failed, WebhookDeliveryState::Deferred, 1).await;
    let mut arrived = Vec::new();
    for _ in 0..2 {
        let sent = test_webhook(&admin, &made.name).await.unwrap().name;
        when(&admin, &sent, WebhookDeliveryState::Succeeded, 1).await;
        arrived.insert(0, sent);
    }
    let mut client = admin.caller.notifier();
    let first = ListWebhookDeliveriesRequest {
        parent: made.name.clone(),
        states: vec![WebhookDeliveryState::Succeeded.into()],
        page_size: 1,
        page_token: String::new(),
    };
    // The failed one may have succeeded meanwhile: it is the oldest.
    let page = client.list_webhook_deliveries(first.clone()).await.unwrap().into_inner();
    assert_eq!(page.deliveries[0].name, arrived[0]);
    let next = ListWebhookDeliveriesRequest { page_token: page.next_page_token, ..first.clone() };
    let page = client.list_webhook_deliveries(next.clone()).await.unwrap().into_inner();
    assert_eq!(page.deliveries[0].name, arrived[1]);
    let all = ListWebhookDeliveriesRequest { states: Vec::new(), page_size: 0, ..first };
    let all = client.list_webhook_deliveries(all).await.unwrap().into_inner().deliveries;
    assert_eq!((all.len(), &all[2].name), (3, &failed));
    let other = ListWebhookDeliveriesRequest { states: Vec::new(), ..next };
    refused(client.list_webhook_deliveries(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn refuses_whoever_may_not_and_what_cannot_be_read() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &["settings.*"]).await;
    let guest = member(&admin, &community, &community, &["guest"]).await;
    let request = ListWebhookDeliveriesRequest {
        parent: made.name.clone(),
        states: vec![99],
        page_size: -1,
        page_token: String::new(),
    };
    let answer = guest.caller.notifier().list_webhook_deliveries(request.clone()).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "webhooks.list");
    let mut client = admin.caller.notifier();
    refused_fields(client.list_webhook_deliveries(request).await, &["states", "page_size"]);
    let parent = made.name.replace(&community, &other);
    let crossed = ListWebhookDeliveriesRequest { parent, ..ListWebhookDeliveriesRequest::default() };
    refused(client.list_webhook_deliveries(crossed).await, Code::NotFound, "WEBHOOK_NOT_FOUND");
}
