//! What operators and tools ask every process.

use prost_reflect::DescriptorPool;
use sandbox::{Caller, Service};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn every_service_tells_that_it_serves() {
    let pool = DescriptorPool::decode(usher_api::DESCRIPTOR_SET).unwrap();
    for service in Service::ALL {
        let mut health = HealthClient::new(Caller::nobody().way_to(service));
        let package = format!("usher.{}.", service.name());
        let named = pool.services().find(|it| it.full_name().starts_with(&package)).unwrap();
        for name in [named.full_name(), ""] {
            let request = HealthCheckRequest { service: name.to_owned() };
            let answer = health.check(request).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{name}");
        }
    }
}
