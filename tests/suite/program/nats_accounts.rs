//! `deploy/nats/nats-server.conf`: a service can say and hear on NATS what it has to, and nothing in the name of another.

mod account;
mod rights;

use std::collections::BTreeSet;

use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, stream::Stream};
use futures::TryStreamExt as _;
use sandbox::{Database, Options, Service, Suite, Topology, current, nats, until};
use serde_json::{Value, json};
use uuid::Uuid;

use account::Account;
use rights::{CONSUMERS, hearing, split, writing};

/// A suite whose services are at work, its NATS server as an operator reaches it, and the stream.
async fn start() -> (Suite, String, Stream) {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let suite = Suite::start(&folder, &Options::new(Database::Sqlite, Topology::Apart)).await.unwrap();
    let operator = suite.description.nats_url.clone().unwrap();
    let jetstream = jetstream::new(nats::connect(&operator).await.unwrap());
    let stream = until("there is a stream", || async { jetstream.get_stream("USHER").await.ok() }).await;
    (suite, operator, stream)
}

#[tokio::test]
async fn each_account_can_what_its_service_needs_and_nothing_else() {
    let (_suite, operator, stream) = start().await;
    let named: BTreeSet<_> = CONSUMERS.map(|(_, consumer, _)| consumer.to_owned()).into();
    let made = until("all consumers are there", || async {
        let names: BTreeSet<String> = stream.consumer_names().try_collect().await.ok()?;
        (names.len() >= named.len()).then_some(names)
    })
    .await;
    assert_eq!(made, named, "the services have these consumers");
    for service in Service::ALL {
        let mut account = Account::of(service, &operator).await;
        let (all, others) = split(&writing(), service);
        let wrong = &account.may_not_write(&all).await ^ &others;
        assert!(
            wrong.is_empty(),
            "{service:?} may write what it must not, or may not what it must: {wrong:?}"
        );
        let (all, others) = split(&hearing(), service);
        let wrong = &account.may_not_hear(&all).await ^ &others;
        assert!(
            wrong.is_empty(),
            "{service:?} may hear what it must not, or may not what it must: {wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_service_publishes_its_own_events_only() {
    let (_suite, operator, stream) = start().await;
    for service in Service::ALL {
        let client = nats::connect(&nats::url_for(service, &operator)).await.unwrap();
        // The forged ones first: what is seen of the own shows that the server has judged all.
        for other in Service::ALL.into_iter().filter(|other| *other != service) {
            let forged = format!("usher.{}.forged.by.{}", other.name(), service.name());
            client.publish(forged, "forged".into()).await.unwrap();
        }
        let meant = format!("usher.{}.meant", service.name());
        client.publish(meant.clone(), "meant".into()).await.unwrap();
        until("the own event is in the stream", || async {
            stream.get_last_raw_message_by_subject(&meant).await.ok()
        })
        .await;
        let forged = format!("usher.*.forged.by.{}", service.name());
        let taken = stream.get_last_raw_message_by_subject(&forged).await;
        assert!(taken.is_err(), "{service:?} spoke for another: {taken:?}");
    }
}

/// The subject of a request says which consumer it makes, of which events: what is in the request cannot say otherwise.
#[tokio::test]
async fn no_consumer_is_made_to_take_the_events_of_others() {
    let (_suite, operator, _) = start().await;
    for (owner, consumer, publisher) in CONSUMERS {
        let account = nats::connect(&nats::url_for(owner, &operator)).await.unwrap();
        let jetstream = jetstream::new(account);
        let own = format!("usher.{}.>", publisher.name());
        let subject = format!("CONSUMER.CREATE.USHER.{consumer}.{own}");
        for (name, filter) in [(consumer, "usher.>"), (consumer, ""), ("spy", &own)] {
            let config = json!({ "durable_name": name, "filter_subject": filter, "ack_policy": "explicit" });
            let request = json!({ "stream_name": "USHER", "config": config });
            let answer: Response<Value> = jetstream.request(subject.clone(), &request).await.unwrap();
            assert!(matches!(answer, Response::Err { .. }), "{subject} made {name} of {filter}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_password() {
    let Some(url) = &current().nats_url else { return };
    let address = url.rsplit('@').next().unwrap();
    assert!(async_nats::connect(format!("nats://{address}")).await.is_err());
}
