//! Webhooks of communities.

use sandbox::until;
use tonic::Status;
use usher_api::notifier::{
    CreateWebhookRequest, GetWebhookDeliveryRequest, GetWebhookRequest, ListWebhookDeliveriesRequest,
    RedriveWebhookDeliveryRequest, TestWebhookRequest, UpdateWebhookRequest, Webhook, WebhookDelivery,
    WebhookDeliveryState, WebhookState,
};

use super::people::Person;
use super::request_id;

/// A request to have `url` told of these types of event.
pub fn webhook_request(community: &str, url: &str, types: &[&str]) -> CreateWebhookRequest {
    let webhook = Webhook {
        url: url.to_owned(),
        event_types: types.iter().map(|kind| (*kind).to_owned()).collect(),
        ..Webhook::default()
    };
    CreateWebhookRequest { parent: community.to_owned(), webhook: Some(webhook), request_id: request_id() }
}

/// Makes a webhook, and returns it with its secret.
pub async fn webhook(maker: &Person, community: &str, url: &str, types: &[&str]) -> (Webhook, String) {
    let request = webhook_request(community, url, types);
    let answer = maker.caller.notifier().create_webhook(request).await.expect("the webhook is made");
    let answer = answer.into_inner();
    (answer.webhook.expect("it comes"), answer.secret)
}

/// The webhook as it is now.
pub async fn get_webhook(person: &Person, name: &str) -> Result<Webhook, Status> {
    let request = GetWebhookRequest { name: name.to_owned() };
    Ok(person.caller.notifier().get_webhook(request).await?.into_inner().webhook.expect("it comes"))
}

/// Enables or disables a webhook.
pub async fn set_state(person: &Person, name: &str, state: WebhookState) -> Webhook {
    let webhook = Webhook { name: name.to_owned(), state: state.into(), ..Webhook::default() };
    let request = UpdateWebhookRequest { webhook: Some(webhook), ..UpdateWebhookRequest::default() };
    let answer = person.caller.notifier().update_webhook(request).await;
    answer.expect("the state is set").into_inner().webhook.expect("it comes")
}

/// Has a test event sent.
pub async fn test_webhook(person: &Person, name: &str) -> Result<WebhookDelivery, Status> {
    let request = TestWebhookRequest { name: name.to_owned(), request_id: request_id() };
    Ok(person.caller.notifier().test_webhook(request).await?.into_inner().delivery.expect("it comes"))
}

/// Has a delivery tried again.
pub async fn redrive(person: &Person, name: &str) -> Result<WebhookDelivery, Status> {
    let request = RedriveWebhookDeliveryRequest { name: name.to_owned(), request_id: request_id() };
    let answer = person.caller.notifier().redrive_webhook_delivery(request).await?;
    Ok(answer.into_inner().delivery.expect("it comes"))
}

/// The delivery as it is now.
pub async fn get_delivery(person: &Person, name: &str) -> Result<WebhookDelivery, Status> {
    let request = GetWebhookDeliveryRequest { name: name.to_owned() };
    let answer = person.caller.notifier().get_webhook_delivery(request).await?;
    Ok(answer.into_inner().delivery.expect("it comes"))
}

/// The first page of deliveries to a webhook.
pub async fn deliveries(person: &Person, webhook: &str) -> Vec<WebhookDelivery> {
    let request = ListWebhookDeliveriesRequest { parent: webhook.to_owned(), ..Default::default() };
    let answer = person.caller.notifier().list_webhook_deliveries(request).await;
    answer.expect("they are listed").into_inner().deliveries
}

/// Waits until a delivery is `state` after so many attempts.
pub async fn when(
    person: &Person,
    delivery: &str,
    state: WebhookDeliveryState,
    attempts: i32,
) -> WebhookDelivery {
    until(&format!("{delivery} is {state:?} after {attempts} attempts"), || async {
        let delivery = get_delivery(person, delivery).await.ok()?;
        (delivery.state() == state && delivery.attempts == attempts).then_some(delivery)
    })
    .await
}
