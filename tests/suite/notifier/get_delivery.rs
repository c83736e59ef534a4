use tonic::Code;
use usher_api::notifier::{DeliveryState, GetDeliveryRequest};

use super::{invite_by_mail, when_delivery};
use crate::support::address;
use crate::support::people::{Person, admin};
use crate::support::refusal::{refused, refused_fields};
use crate::support::tree::managed;

#[tokio::test]
async fn tells_what_a_list_tells() {
    let (admin, email) = (admin().await, address("guest"));
    let community = managed(&admin).await;
    let invitation = invite_by_mail(&admin, &community, &email).await;
    let listed = when_delivery(&admin, &invitation.name, DeliveryState::Sent, 1).await;
    let request = GetDeliveryRequest { name: listed.name.clone() };
    for caller in [&admin.caller, &admin.caller.service("alerts")] {
        let answer = caller.notifier().get_delivery(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.delivery.as_ref(), Some(&listed));
    }
    let stranger = Person::new("stranger").await;
    let answer = stranger.caller.notifier().get_delivery(request).await;
    refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn knows_no_other_names() {
    let mut client = admin().await.caller.notifier();
    let name = "deliveries/00000000-0000-0000-0000-000000000001".to_owned();
    let answer = client.get_delivery(GetDeliveryRequest { name: name.clone() }).await;
    assert_eq!(refused(answer, Code::NotFound, "DELIVERY_NOT_FOUND")["delivery"], name);
    let answer = client.get_delivery(GetDeliveryRequest { name: "deliveries/1".to_owned() }).await;
    refused_fields(answer, &["name"]);
}
