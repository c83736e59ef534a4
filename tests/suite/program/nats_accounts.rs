//! `deploy/nats/nats-server.conf`: a service can say on NATS what it has to say, and nothing in the name of another.

use async_nats::jetstream;
use sandbox::{Database, Options, Service, Suite, Topology, current, nats, until};
use uuid::Uuid;

#[tokio::test]
async fn a_service_publishes_its_own_events_only() {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let suite = Suite::start(&folder, &Options::new(Database::Sqlite, Topology::Apart)).await.unwrap();
    let operator = suite.description.nats_url.clone().unwrap();
    let client = nats::connect(&operator).await.unwrap();
    let jetstream = jetstream::new(client);
    let stream = until("there is a stream", || async { jetstream.get_stream("USHER").await.ok() }).await;
    let identity = nats::connect(&nats::url_for(Service::Identity, &operator)).await.unwrap();
    // The forged one first: what is seen of the second shows that the server has judged both.
    identity.publish("usher.invitation.invitation.forged", "forged".into()).await.unwrap();
    identity.publish("usher.identity.user.meant", "meant".into()).await.unwrap();
    identity.flush().await.unwrap();

    until("the own event is in the stream", || async {
        stream.get_last_raw_message_by_subject("usher.identity.user.meant").await.ok()
    })
    .await;
    let forged = stream.get_last_raw_message_by_subject("usher.invitation.invitation.forged").await;
    assert!(forged.is_err(), "identity spoke for invitation");
    let stranger = jetstream::new(identity).get_stream("USHER").await.unwrap();
    assert!(stranger.purge().await.is_err(), "identity emptied the stream");
}

#[tokio::test]
async fn nobody_gets_in_without_a_password() {
    let Some(url) = &current().nats_url else { return };
    let address = url.rsplit('@').next().unwrap();
    assert!(async_nats::connect(format!("nats://{address}")).await.is_err());
}
