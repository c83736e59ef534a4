//! What can be called. One file for each RPC.

mod list_deliveries;

use tonic::Request;
use usher_api::notifier as pb;
use usher_api::notifier::notifier_service_server::NotifierService;
use usher_runtime::rpc::{Answer, answer, open};

use crate::Notifier;

#[tonic::async_trait]
impl NotifierService for Notifier {
    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Answer<pb::ListDeliveriesResponse> {
        let (caller, message) = open(request);
        answer(list_deliveries::list_deliveries(self, &caller, message).await)
    }
}
