use tonic::{Code, Status};
use usher_api::notifier::{DeleteWebhookRequest, WebhookDeliveryState};

use crate::support::endpoint::{Answer, Endpoint};
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::request_id;
use crate::support::rows::{let_the_attempts_come, told_by_notifier};
use crate::support::tree::{managed, member};
use crate::support::webhooks::{get_delivery, get_webhook, test_webhook, webhook, when};

async fn delete(person: &Person, name: &str, etag: &str) -> Result<(), Status> {
    let (name, etag) = (name.to_owned(), etag.to_owned());
    let request = DeleteWebhookRequest { name, etag, request_id: request_id() };
    person.caller.notifier().delete_webhook(request).await.map(|_| ())
}

#[tokio::test]
async fn nothing_is_told_any_more_and_nothing_known() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let failing = || Endpoint::answering([Answer::Status(503)]);
    let (gone, kept) = (failing().await, failing().await);
    let (deleted, _) = webhook(&admin, &community, &gone.url, &["settings.*"]).await;
    let (other, _) = webhook(&admin, &community, &kept.url, &["settings.*"]).await;
    let waiting = test_webhook(&admin, &deleted.name).await.unwrap();
    let of_other = test_webhook(&admin, &other.name).await.unwrap();
    when(&admin, &waiting.name, WebhookDeliveryState::Deferred, 1).await;
    when(&admin, &of_other.name, WebhookDeliveryState::Deferred, 1).await;
    delete(&admin, &deleted.name, "").await.unwrap();
    for webhook in [&deleted, &other] {
        let_the_attempts_come(&webhook.name).await;
    }
    when(&admin, &of_other.name, WebhookDeliveryState::Deferred, 2).await;
    assert_eq!((gone.posts().len(), kept.posts().len()), (1, 2));
    refused(get_webhook(&admin, &deleted.name).await, Code::NotFound, "WEBHOOK_NOT_FOUND");
    let answer = get_delivery(&admin, &waiting.name).await;
    let metadata = refused(answer, Code::NotFound, "WEBHOOK_DELIVERY_NOT_FOUND");
    assert_eq!(metadata["delivery"], waiting.name);
    assert_eq!(told_by_notifier("webhook.deleted", &deleted.name).await, 1);
}

#[tokio::test]
async fn refuses_whoever_may_not_a_stale_etag_and_webhooks_of_others() {
    let admin = admin().await;
    let (community, other) = (managed(&admin).await, managed(&admin).await);
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &[]).await;
    let guest = member(&admin, &community, &community, &["guest"]).await;
    let answer = delete(&guest, &made.name, "").await;
    assert_eq!(refused(answer, Code::PermissionDenied, "PERMISSION_DENIED")["permission"], "webhooks.delete");
    refused(delete(&admin, &made.name, "9").await, Code::Aborted, "ETAG_MISMATCH");
    let crossed = made.name.replace(&community, &other);
    refused(delete(&admin, &crossed, "").await, Code::NotFound, "WEBHOOK_NOT_FOUND");
    refused_fields(delete(&admin, "webhooks/1", "").await, &["name"]);
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer() {
    let admin = admin().await;
    let community = managed(&admin).await;
    let (made, _) = webhook(&admin, &community, "https://example.com/hook", &[]).await;
    let request =
        DeleteWebhookRequest { name: made.name.clone(), etag: String::new(), request_id: request_id() };
    for _ in 0..2 {
        admin.caller.notifier().delete_webhook(request.clone()).await.unwrap();
    }
    refused(delete(&admin, &made.name, "").await, Code::NotFound, "WEBHOOK_NOT_FOUND");
}
