//! The mail server is away for a while.

use std::time::Duration;

use sandbox::{Caller, Topology, until};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use usher_api::notifier::{Delivery, DeliveryState, ListDeliveriesRequest};

use super::ledger::Ledger;
use super::{options, start};
use crate::support::address;

/// How soon all mails are there once the server is: above the pause of a line that stopped a few times.
const SOON: Duration = Duration::from_secs(40);

/// Whether mails leave, as monitoring asks.
async fn mail_health(endpoint: &str) -> Option<ServingStatus> {
    let channel = Endpoint::from_shared(endpoint.to_owned()).ok()?.connect().await.ok()?;
    let request = HealthCheckRequest { service: "usher.notifier.v1.NotifierService/mail".to_owned() };
    Some(HealthClient::new(channel).check(request).await.ok()?.into_inner().status())
}

#[tokio::test]
async fn while_the_mail_server_is_away_no_attempt_counts_and_monitoring_knows() {
    let mut suite = start(&options(Topology::Together)).await;
    let ledger = Ledger::open(&suite).await;
    let endpoint = suite.description.endpoints[&sandbox::Service::Notifier][0].clone();
    until("mails leave", || async {
        (mail_health(&endpoint).await? == ServingStatus::Serving).then_some(())
    })
    .await;

    suite.smtp.stop();
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(ledger.invite(&address("guest")).await);
    }
    until("monitoring knows", || async {
        (mail_health(&endpoint).await? == ServingStatus::NotServing).then_some(())
    })
    .await;
    let alerts = Caller::nobody_at(&suite.description).service("alerts");
    let delivery = async |name: &str| -> Option<Delivery> {
        let request = ListDeliveriesRequest { invitation: name.to_owned(), ..Default::default() };
        alerts.notifier().list_deliveries(request).await.ok()?.into_inner().deliveries.pop()
    };
    until("a mail waits with the reason", || async {
        let mut waiting = Vec::new();
        for name in &names {
            waiting.push(delivery(name).await?);
        }
        assert!(
            waiting.iter().all(|it| it.state() != DeliveryState::Failed && it.attempts <= 1),
            "{waiting:?}"
        );
        waiting.iter().any(|it| it.attempts == 0 && it.last_error.contains("mail server")).then_some(())
    })
    .await;

    suite.smtp.restart().unwrap();
    ledger.settles(SOON).await;
    for name in &names {
        let sent = delivery(name).await.expect("it is known");
        assert_eq!(
            (sent.state(), sent.attempts),
            (DeliveryState::Sent, 1),
            "what was in vain was no attempt"
        );
    }
    until("monitoring knows that too", || async {
        (mail_health(&endpoint).await? == ServingStatus::Serving).then_some(())
    })
    .await;
}
