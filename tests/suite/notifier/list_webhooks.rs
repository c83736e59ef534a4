use tonic::Code;
use usher_api::notifier::ListWebhooksRequest;

use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::{managed, member};
use crate::support::webhooks::webhook;

#[tokio::test]
async fn pages_those_of_the_community_newest_first() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    webhook(&admin, &other, "https://example.com/other", &[]).await;
    let mut made = Vec::new();
    for number in 0..3 {
        let url = format!("https://example.com/{number}");
        made.insert(0, webhook(&admin, &community, &url, &[]).await.0);
    }
    let mut client = admin.caller.notifier();
    let first = ListWebhooksRequest { parent: community, page_size: 2, ..ListWebhooksRequest::default() };
    let page = client.list_webhooks(first.clone()).await.unwrap().into_inner();
    assert_eq!(page.webhooks, made[..2]);
    let next = ListWebhooksRequest { page_token: page.next_page_token, ..first };
    let last = client.list_webhooks(next.clone()).await.unwrap().into_inner();
    assert_eq!((last.webhooks.as_slice(), last.next_page_token.as_str()), (&made[2..], ""));
    let crossed = ListWebhooksRequest { parent: other, ..next };
    refused(client.list_webhooks(crossed).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn refuses_whoever_may_not_see_them_and_what_cannot_be_read() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let guest = member(&admin, &community, &community, &["guest"]).await;
    let request = ListWebhooksRequest { parent: community, page_size: -1, ..Default::default() };
    let answer = guest.caller.notifier().list_webhooks(request.clone()).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "webhooks.list");
    refused_fields(admin.caller.notifier().list_webhooks(request).await, &["page_size"]);
}
