use sandbox::{Caller, Topology, until};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use usher_api::notifier::{Delivery, DeliveryState, ListDeliveriesRequest};

use super::{options, start};
use crate::support::address;
use crate::support::mail::mails;
use crate::support::people::admin_of;
use crate::support::tree::{grant, managed, offer};

/// Whether mails leave, as monitoring asks.
async fn mail_health(endpoint: &str) -> Option<ServingStatus> {
    let channel = Endpoint::from_shared(endpoint.to_owned()).ok()?.connect().await.ok()?;
    let request = HealthCheckRequest { service: "usher.notifier.v1.NotifierService/mail".to_owned() };
    Some(HealthClient::new(channel).check(request).await.ok()?.into_inner().status())
}

#[tokio::test]
async fn while_the_mail_server_is_away_no_attempt_counts_and_monitoring_knows() {
    let mut suite = start(&options(Topology::Together)).await;
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let endpoint = suite.description.endpoints[&sandbox::Service::Notifier][0].clone();
    until("mails leave", || async {
        (mail_health(&endpoint).await? == ServingStatus::Serving).then_some(())
    })
    .await;

    suite.smtp.stop();
    let emails: Vec<String> = (0..3).map(|_| address("guest")).collect();
    let mut names = Vec::new();
    for email in &emails {
        let mut request = offer(&community, email, vec![grant(&community, &["guest"])]);
        request.notify = None;
        let made = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
        names.push(made.invitation.unwrap().name);
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
    let mailbox = suite.description.mailbox.clone();
    for (name, email) in names.iter().zip(&emails) {
        until("the mail arrives", || async { mails(&mailbox, email).pop() }).await;
        let sent = until("it is sent", || async {
            delivery(name).await.filter(|it| it.state() == DeliveryState::Sent)
        })
        .await;
        assert_eq!(sent.attempts, 1, "what was in vain was no attempt");
    }
    until("monitoring knows that too", || async {
        (mail_health(&endpoint).await? == ServingStatus::Serving).then_some(())
    })
    .await;
}
