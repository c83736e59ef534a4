//! Somebody changes on NATS what the delivery of events relies on. It becomes right again, or events go on as well as they can.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context};
use futures::TryStreamExt as _;
use sandbox::{Service, Suite, Topology, nats, until};

use super::ledger::Ledger;
use super::{kill, options, revive, start};
use crate::support::address;

/// How soon a mail is there: above the times after which a relay and a reconciler look.
const SOON: Duration = Duration::from_secs(40);

/// Each of them alone loses events, keeps some from being taken, or lets others in.
const CHANGES: [fn(&mut Config); 8] = [
    |stream| stream.max_messages_per_subject = 1,
    |stream| stream.max_message_size = 16,
    |stream| stream.max_messages = 10_000,
    |stream| stream.max_bytes = 10_000_000,
    |stream| stream.max_age = Duration::from_hours(24),
    |stream| stream.no_ack = true,
    |stream| stream.allow_rollup = true,
    |stream| stream.subjects.push("others.>".to_owned()),
];

async fn jetstream(suite: &Suite) -> Context {
    let url = suite.description.nats_url.as_deref().unwrap();
    jetstream::new(nats::connect(url).await.unwrap())
}

async fn config(jetstream: &Context) -> Option<Config> {
    Some(jetstream.get_stream("USHER").await.ok()?.cached_info().config.clone())
}

/// Whether a process says in its log that it changed the stream.
fn was_mended(suite: &Suite) -> bool {
    let logs = Service::ALL.map(|service| suite.description.folder.join(format!("{}-0.log", service.name())));
    logs.iter().any(|log| std::fs::read_to_string(log).unwrap().contains("is put right"))
}

#[tokio::test]
async fn each_change_of_the_stream_is_undone_and_what_is_the_operators_stays() {
    let suite = start(&options(Topology::Apart)).await;
    let jetstream = jetstream(&suite).await;
    let made = until("there is a stream", || config(&jetstream)).await;
    assert!(!was_mended(&suite), "what they make is what they want");
    // NATS lets nobody take back that nothing may be deleted: whoever tried could change nothing else.
    let right = Config { description: Some("ours".to_owned()), deny_delete: true, ..made };
    jetstream.update_stream(&right).await.unwrap();
    for (number, change) in CHANGES.iter().enumerate() {
        let mut wrong = right.clone();
        change(&mut wrong);
        jetstream.update_stream(&wrong).await.unwrap();
        until(&format!("change {number} is undone"), || async {
            config(&jetstream).await.filter(|now| *now == right)
        })
        .await;
    }
    assert!(was_mended(&suite));
}

#[tokio::test]
async fn events_go_on_in_a_stream_that_cannot_be_put_right() {
    let mut suite = start(&options(Topology::Apart)).await;
    let jetstream = jetstream(&suite).await;
    let right = until("there is a stream", || config(&jetstream)).await;
    for service in Service::ALL {
        kill(&mut suite, service, 0);
    }
    // A stream that is deleted may leave files to the next one, so that all is lost instead.
    let nats = suite.nats.as_mut().unwrap();
    nats.process.crash();
    nats.wipe().unwrap();
    nats.restart().await.unwrap();
    let jetstream = self::jetstream(&suite).await;
    let kept = Config { storage: StorageType::Memory, ..right };
    let wrong = Config { max_age: Duration::from_hours(24), ..kept.clone() };
    jetstream.create_stream(&wrong).await.unwrap();
    for service in Service::ALL {
        revive(&mut suite, service, 0);
    }
    suite.ready().await;
    let ledger = Ledger::open(&suite).await;
    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
    until("all is right but where it is kept, which NATS does not change", || async {
        config(&jetstream).await.filter(|now| *now == kept)
    })
    .await;
}

/// What is relied on, of all consumers by name.
async fn consumers(jetstream: &Context) -> Option<BTreeMap<String, consumer::Config>> {
    let stream = jetstream.get_stream("USHER").await.ok()?;
    let consumers: Vec<consumer::Info> = stream.consumers().try_collect().await.ok()?;
    Some(consumers.into_iter().map(|it| (it.name, it.config)).collect())
}

fn is_right(consumer: &consumer::Config) -> bool {
    let lease = Duration::from_secs(10);
    consumer.ack_policy == AckPolicy::Explicit
        && (consumer.ack_wait, consumer.max_deliver, consumer.max_ack_pending) == (lease, -1, 1_000)
        && (consumer.deliver_policy, &consumer.deliver_subject) == (DeliverPolicy::All, &None)
        && (consumer.inactive_threshold, consumer.headers_only) == (Duration::ZERO, false)
        && consumer.description.as_deref() == Some("usher")
}

#[tokio::test]
async fn consumers_that_somebody_changed_are_put_right() {
    let suite = start(&options(Topology::Apart)).await;
    let jetstream = jetstream(&suite).await;
    let all = || async { consumers(&jetstream).await.filter(|all| all.len() == 9) };
    let made = until("all consumers are there", all).await;
    for (name, config) in &made {
        assert!(is_right(config), "{name}: {config:?}");
        let wrong = pull::Config {
            durable_name: Some(name.clone()),
            description: Some("ours".to_owned()),
            filter_subject: config.filter_subject.clone(),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_hours(1),
            max_deliver: 3,
            max_ack_pending: 1,
            ..pull::Config::default()
        };
        let changed = jetstream.create_consumer_on_stream(wrong, "USHER").await.unwrap();
        assert_eq!(changed.cached_info().config.max_deliver, 3);
    }
    until("they are what they were", || async { all().await.filter(|now| *now == made) }).await;
}
