//! What can be called. One file for each RPC.

mod create_suppression;
mod delete_suppression;
mod get_delivery;
mod list_dead_letters;
mod list_deliveries;
mod list_suppressions;
mod redrive_dead_letter;

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
}
