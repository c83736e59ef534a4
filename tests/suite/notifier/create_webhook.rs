use futures::future::join_all;
use tonic::Code;
use usher_api::notifier::{CreateWebhookRequest, Webhook, WebhookState};

use crate::support::endpoint::Endpoint;
use crate::support::keys::key;
use crate::support::people::admin;
use crate::support::refusal::{refused, refused_fields};
use crate::support::rows::told_by_notifier;
use crate::support::tree::{managed, member, role};
use crate::support::webhooks::{deliveries, get_webhook, webhook, webhook_request};

#[tokio::test]
async fn what_happens_from_then_on_is_told_and_signed() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::new().await;
    let (made, secret) = webhook(&admin, &community, &endpoint.url, &[]).await;
    assert_eq!((made.state(), made.etag.as_str()), (WebhookState::Enabled, "1"));
    assert!(made.name.starts_with(&format!("{community}/webhooks/")) && made.create_time.is_some());
    let role = role(&admin, &community, &["members.list"]).await;

    let post = endpoint.when("role.created", 1).await.remove(0);
    assert_eq!(post.line, "POST /hook?place=1 HTTP/1.1");
    assert_eq!(post.headers["content-type"], "application/json");
    assert_eq!(post.signed_by(&secret), (1, true));
    let json = post.json();
    assert_eq!((json["data"]["role"].as_str(), json["data"]["version"].as_str()), (Some(&*role), Some("1")));
    assert_eq!(json["timestamp"], json["data"]["occurTime"]);
    let delivery = deliveries(&admin, &made.name).await.into_iter().find(|it| it.event_id == post.id());
    assert_eq!(delivery.expect("it is listed").body, post.body);
    assert_eq!(told_by_notifier("webhook.created", &made.name).await, 1);
}

#[tokio::test]
async fn a_program_that_may_makes_one() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let key = key(&admin, &community, &["webhooks.create"]).await;
    let request = webhook_request(&community, "https://example.com/hook", &[]);
    let made = key.caller.notifier().create_webhook(request).await.unwrap().into_inner();
    assert!(made.secret.starts_with("whsec_"));
}

#[tokio::test]
async fn a_repetition_changes_nothing_and_gets_the_same_secret() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let request = webhook_request(&community, "https://example.com/hook", &[]);
    let mut client = admin.caller.notifier();
    let first = client.create_webhook(request.clone()).await.unwrap().into_inner();
    let again = client.create_webhook(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, again);
    let other = Webhook { url: "https://example.com/other".to_owned(), ..Webhook::default() };
    let other = CreateWebhookRequest { webhook: Some(other), ..request };
    refused(client.create_webhook(other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn whoever_may_not_makes_none_wherever_he_says_it_is() {
    let admin = admin().await;
    let (community, elsewhere) = (managed(&admin).await, managed(&admin).await);
    let guest = member(&admin, &community, &community, &["analyst"]).await;
    for place in [community, elsewhere, "communities/00000000-0000-0000-0000-000000000001".to_owned()] {
        let request = webhook_request(&place, "https://example.com/hook", &[]);
        let answer = guest.caller.notifier().create_webhook(request).await;
        let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        assert_eq!((&*metadata["permission"], &metadata["resource"]), ("webhooks.create", &place));
    }
}

#[tokio::test]
async fn lists_all_invalid_fields_together() {
    let admin = admin().await;
    let webhook = Webhook {
        url: "gopher://example.com/#x".to_owned(),
        description: "x".repeat(501),
        event_types: vec!["member.created".to_owned(), "everything".to_owned()],
        state: 7,
        ..Webhook::default()
    };
    let bad = CreateWebhookRequest {
        parent: managed(&admin).await,
        webhook: Some(webhook),
        request_id: "1".to_owned(),
    };
    let answer = admin.caller.notifier().create_webhook(bad).await;
    let fields =
        ["webhook.url", "webhook.description", "webhook.event_types[1]", "webhook.state", "request_id"];
    refused_fields(answer, &fields);
    let nowhere = webhook_request("communities/1", "", &[]);
    refused_fields(admin.caller.notifier().create_webhook(nowhere).await, &["parent", "webhook.url"]);
}

#[tokio::test]
async fn a_community_has_twenty_at_most() {
    let admin = admin().await;
    let community = managed(&admin).await;
    for number in 0..20 {
        webhook(&admin, &community, &format!("https://example.com/{number}"), &[]).await;
    }
    let request = webhook_request(&community, "https://example.com/20", &[]);
    let answer = admin.caller.notifier().create_webhook(request).await;
    let metadata = refused(answer, Code::FailedPrecondition, "WEBHOOK_LIMIT_REACHED");
    assert_eq!(metadata["community"], community);
}

#[tokio::test]
async fn however_many_make_one_at_once_there_are_twenty() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let attempts = (0..30).map(async |number| {
        let request = webhook_request(&community, &format!("https://example.com/{number}"), &[]);
        admin.caller.notifier().create_webhook(request).await
    });
    let (made, others): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), others.len()), (20, 10));
    for other in others {
        refused(other, Code::FailedPrecondition, "WEBHOOK_LIMIT_REACHED");
    }
}

#[tokio::test]
async fn one_that_is_made_disabled_is_told_nothing() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (endpoint, other) = (Endpoint::new().await, Endpoint::new().await);
    let mut request = webhook_request(&community, &endpoint.url, &[]);
    request.webhook.as_mut().unwrap().set_state(WebhookState::Disabled);
    let made = admin.caller.notifier().create_webhook(request).await.unwrap().into_inner().webhook.unwrap();
    webhook(&admin, &community, &other.url, &[]).await;
    role(&admin, &community, &["members.list"]).await;
    other.when("role.created", 1).await;
    assert_eq!((deliveries(&admin, &made.name).await, endpoint.posts().len()), (vec![], 0));
    assert_eq!(get_webhook(&admin, &made.name).await.unwrap(), made);
}
