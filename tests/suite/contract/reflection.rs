//! Tools can ask what there is to call.

use prost_reflect::DescriptorPool;
use sandbox::{Caller, Service};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

#[tokio::test]
async fn every_process_tells_its_services() {
    let pool = DescriptorPool::decode(usher_api::DESCRIPTOR_SET).unwrap();
    for service in Service::ALL {
        let package = format!("usher.{}.", service.name());
        let named = pool.services().find(|it| it.full_name().starts_with(&package)).unwrap();
        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(Caller::nobody().way_to(service));
        let questions = futures::stream::iter([question]);
        let mut answers = client.server_reflection_info(questions).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
        assert!(list.service.iter().any(|it| it.name == named.full_name()), "{list:?}");
    }
}
