use prost_types::Duration;
use sandbox::until;
use tonic::{Code, Status};
use usher_api::notifier::{RotateWebhookSecretRequest, RotateWebhookSecretResponse};

use crate::support::endpoint::Endpoint;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::tree::{managed, member};
use crate::support::webhooks::{get_webhook, test_webhook, webhook, webhook_request};

fn request(name: &str, overlap: Option<i64>) -> RotateWebhookSecretRequest {
    RotateWebhookSecretRequest {
        name: name.to_owned(),
        overlap: overlap.map(|seconds| Duration { seconds, nanos: 0 }),
        etag: String::new(),
        request_id: request_id(),
    }
}

async fn rotate(
    person: &Person,
    request: RotateWebhookSecretRequest,
) -> Result<RotateWebhookSecretResponse, Status> {
    person.caller.notifier().rotate_webhook_secret(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn both_secrets_sign_until_the_overlap_ends() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::new().await;
    let (made, first) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let second = rotate(&admin, request(&made.name, None)).await.unwrap();
    let rotated = second.webhook.unwrap();
    let end = rotated.earlier_secret_expire_time.unwrap().seconds;
    assert_eq!(end - rotated.secret_create_time.unwrap().seconds, 24 * 60 * 60);
    test_webhook(&admin, &made.name).await.unwrap();
    let post = endpoint.when("webhook.tested", 1).await.remove(0);
    assert_eq!((post.signed_by(&first), post.signed_by(&second.secret)), ((2, true), (2, true)));

    let third = rotate(&admin, request(&made.name, Some(1))).await.unwrap();
    let end = third.webhook.unwrap().earlier_secret_expire_time.unwrap().seconds;
    let alone = until("the earlier secret signs no more", || async {
        let sent = test_webhook(&admin, &made.name).await.unwrap();
        let post = until("the test comes", || async {
            endpoint.posts().into_iter().find(|post| post.id() == sent.event_id)
        })
        .await;
        let timestamp: i64 = post.headers["webhook-timestamp"].parse().unwrap();
        assert!(!post.signed_by(&first).1, "what was replaced twice signs no more");
        (timestamp > end).then_some(post)
    })
    .await;
    assert_eq!((alone.signed_by(&third.secret), alone.signed_by(&second.secret).1), ((1, true), false));
}

#[tokio::test]
async fn without_an_overlap_the_present_secret_ends_at_once() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let endpoint = Endpoint::new().await;
    let (made, first) = webhook(&admin, &community, &endpoint.url, &["settings.*"]).await;
    let second = rotate(&admin, request(&made.name, Some(0))).await.unwrap();
    assert!(second.webhook.unwrap().earlier_secret_expire_time.is_none());
    test_webhook(&admin, &made.name).await.unwrap();
    let post = endpoint.when("webhook.tested", 1).await.remove(0);
    assert_eq!((post.signed_by(&first), post.signed_by(&second.secret)), ((1, false), (1, true)));
}

#[tokio::test]
async fn a_repetition_gets_the_secret_as_long_as_it_is_the_present_one() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let create = webhook_request(&community, "https://example.com/hook", &[]);
    let mut client = admin.caller.notifier();
    let made = client.create_webhook(create.clone()).await.unwrap().into_inner().webhook.unwrap();
    let turn = request(&made.name, None);
    let first = rotate(&admin, turn.clone()).await.unwrap();
    assert_eq!(rotate(&admin, turn.clone()).await.unwrap(), first);
    assert_eq!(get_webhook(&admin, &made.name).await.unwrap().etag, "2");
    let of_creation = client.create_webhook(create).await.unwrap().into_inner();
    assert_eq!((of_creation.webhook.unwrap(), of_creation.secret.as_str()), (made.clone(), ""));
    rotate(&admin, request(&made.name, None)).await.unwrap();
    assert_eq!(rotate(&admin, turn).await.unwrap().secret, "");
}

#[tokio::test]
async fn refuses_whoever_may_not_a_stale_etag_and_a_long_overlap() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &[]).await;
    let guest = member(&admin, &community, &community, &["guest"]).await;
    let answer = rotate(&guest, request(&made.name, None)).await;
    let metadata = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(metadata["permission"], "webhooks.update");
    let stale = RotateWebhookSecretRequest { etag: "9".to_owned(), ..request(&made.name, None) };
    refused(rotate(&admin, stale).await, Code::Aborted, "ETAG_MISMATCH");
    for seconds in [-1, 7 * 24 * 60 * 60 + 1] {
        let bad =
            RotateWebhookSecretRequest { request_id: "1".to_owned(), ..request(&made.name, Some(seconds)) };
        refused_fields(rotate(&admin, bad).await, &["overlap", "request_id"]);
    }
}
