//! What can be called. One file for each RPC.

mod create_suppression;
mod create_webhook;
mod delete_suppression;
mod delete_webhook;
mod get_delivery;
mod get_webhook;
mod get_webhook_delivery;
mod list_dead_letters;
mod list_deliveries;
mod list_suppressions;
mod list_webhook_deliveries;
mod list_webhooks;
mod redrive_dead_letter;
mod redrive_webhook_delivery;
mod rotate_webhook_secret;
mod test_webhook;
mod update_webhook;

use tonic::Request;
use usher_api::notifier as pb;
use usher_api::notifier::notifier_service_server::NotifierService;
use usher_runtime::rpc::{Answer, answer, open};

use crate::Notifier;

/// How many entries a page has if nobody says.
const DEFAULT_PAGE: u64 = 50;
/// How many it has at most.
const LARGEST_PAGE: u64 = 200;

#[tonic::async_trait]
impl NotifierService for Notifier {
    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Answer<pb::ListDeliveriesResponse> {
        let (caller, message) = open(request);
        answer(list_deliveries::list_deliveries(self, &caller, message).await)
    }

    async fn get_delivery(
        &self,
        request: Request<pb::GetDeliveryRequest>,
    ) -> Answer<pb::GetDeliveryResponse> {
        answer(get_delivery::get_delivery(self, request.into_inner()).await)
    }

    async fn create_suppression(
        &self,
        request: Request<pb::CreateSuppressionRequest>,
    ) -> Answer<pb::CreateSuppressionResponse> {
        let (caller, message) = open(request);
        answer(create_suppression::create_suppression(self, &caller, message).await)
    }

    async fn list_suppressions(
        &self,
        request: Request<pb::ListSuppressionsRequest>,
    ) -> Answer<pb::ListSuppressionsResponse> {
        let (caller, message) = open(request);
        answer(list_suppressions::list_suppressions(self, &caller, message).await)
    }

    async fn delete_suppression(
        &self,
        request: Request<pb::DeleteSuppressionRequest>,
    ) -> Answer<pb::DeleteSuppressionResponse> {
        let (caller, message) = open(request);
        answer(delete_suppression::delete_suppression(self, &caller, message).await)
    }

    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Answer<pb::ListDeadLettersResponse> {
        let (caller, message) = open(request);
        answer(list_dead_letters::list_dead_letters(self, &caller, message).await)
    }

    async fn redrive_dead_letter(
        &self,
        request: Request<pb::RedriveDeadLetterRequest>,
    ) -> Answer<pb::RedriveDeadLetterResponse> {
        let (caller, message) = open(request);
        answer(redrive_dead_letter::redrive_dead_letter(self, &caller, message).await)
    }

    async fn create_webhook(
        &self,
        request: Request<pb::CreateWebhookRequest>,
    ) -> Answer<pb::CreateWebhookResponse> {
        let (caller, message) = open(request);
        answer(create_webhook::create_webhook(self, &caller, message).await)
    }

    async fn get_webhook(&self, request: Request<pb::GetWebhookRequest>) -> Answer<pb::GetWebhookResponse> {
        let (caller, message) = open(request);
        answer(get_webhook::get_webhook(self, &caller, message).await)
    }

    async fn list_webhooks(
        &self,
        request: Request<pb::ListWebhooksRequest>,
    ) -> Answer<pb::ListWebhooksResponse> {
        let (caller, message) = open(request);
        answer(list_webhooks::list_webhooks(self, &caller, message).await)
    }

    async fn update_webhook(
        &self,
        request: Request<pb::UpdateWebhookRequest>,
    ) -> Answer<pb::UpdateWebhookResponse> {
        let (caller, message) = open(request);
        answer(update_webhook::update_webhook(self, &caller, message).await)
    }

    async fn delete_webhook(
        &self,
        request: Request<pb::DeleteWebhookRequest>,
    ) -> Answer<pb::DeleteWebhookResponse> {
        let (caller, message) = open(request);
        answer(delete_webhook::delete_webhook(self, &caller, message).await)
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<pb::RotateWebhookSecretRequest>,
    ) -> Answer<pb::RotateWebhookSecretResponse> {
        let (caller, message) = open(request);
        answer(rotate_webhook_secret::rotate_webhook_secret(self, &caller, message).await)
    }

    async fn test_webhook(
        &self,
        request: Request<pb::TestWebhookRequest>,
    ) -> Answer<pb::TestWebhookResponse> {
        let (caller, message) = open(request);
        answer(test_webhook::test_webhook(self, &caller, message).await)
    }

    async fn get_webhook_delivery(
        &self,
        request: Request<pb::GetWebhookDeliveryRequest>,
    ) -> Answer<pb::GetWebhookDeliveryResponse> {
        let (caller, message) = open(request);
        answer(get_webhook_delivery::get_webhook_delivery(self, &caller, message).await)
    }

    async fn list_webhook_deliveries(
        &self,
        request: Request<pb::ListWebhookDeliveriesRequest>,
    ) -> Answer<pb::ListWebhookDeliveriesResponse> {
        let (caller, message) = open(request);
        answer(list_webhook_deliveries::list_webhook_deliveries(self, &caller, message).await)
    }

    async fn redrive_webhook_delivery(
        &self,
        request: Request<pb::RedriveWebhookDeliveryRequest>,
    ) -> Answer<pb::RedriveWebhookDeliveryResponse> {
        let (caller, message) = open(request);
        answer(redrive_webhook_delivery::redrive_webhook_delivery(self, &caller, message).await)
    }
}
