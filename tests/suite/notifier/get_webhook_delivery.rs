use tonic::Code;

use crate::support::endpoint::Endpoint;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{managed, member};
use crate::support::webhooks::{get_delivery, test_webhook, webhook};

#[tokio::test]
async fn is_found_under_its_own_webhook_alone() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let endpoint = Endpoint::new().await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let (beside, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let sent = test_webhook(&admin, &made.name).await.unwrap();
    let found = get_delivery(&admin, &sent.name).await.unwrap();
    assert_eq!((found.body, found.event_type.as_str()), (sent.body, "webhook.tested"));
    for crossed in [sent.name.replace(&community, &other), sent.name.replace(&made.name, &beside.name)] {
        let answer = get_delivery(&admin, &crossed).await;
        let metadata = refused(answer, Code::NotFound, "WEBHOOK_DELIVERY_NOT_FOUND");
        assert_eq!(metadata["delivery"], crossed);
    }
}

#[tokio::test]
async fn is_shown_to_whoever_may_see_webhooks() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::new().await;
    let (made, _) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let sent = test_webhook(&admin, &made.name).await.unwrap();
    let guest = member(&admin, &community, &community, &["guest"]).await;
    let answer = get_delivery(&guest, &sent.name).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "webhooks.list");
    refused_fields(get_delivery(&admin, &made.name).await, &["name"]);
}
