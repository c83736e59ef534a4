//! NATS loses what it had taken. The services' databases have it still, so that nobody waits for a mail in vain.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use futures::TryStreamExt as _;
use sandbox::{Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, Statement};

use super::ledger::Ledger;
use super::stream::Stream;
use super::{kill, options, revive, start};
use crate::support::address;

/// How soon the mails are there: above the times after which a relay and a reconciler look.
const SOON: Duration = Duration::from_secs(40);

/// Waits until all events about the invitation are as far as `column` tells.
async fn told(suite: &Suite, invitation: &str, column: &str) {
    let database =
        sea_orm::Database::connect(&suite.description.databases[&Service::Invitation]).await.unwrap();
    let sql = format!("SELECT count(*) FROM outbox WHERE resource = $1 AND {column} IS NULL");
    until(&format!("the events of {invitation} have a {column}"), || async {
        let backend = database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, &sql, [invitation.into()]);
        let open: i64 = database.query_one_raw(statement).await.unwrap()?.try_get_by_index(0).unwrap();
        (open == 0).then_some(())
    })
    .await;
}

async fn jetstream(suite: &Suite) -> Context {
    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().unwrap()).await.unwrap();
    async_nats::jetstream::new(client)
}

/// Invites somebody, and waits until all that this leads to has been heard.
async fn invite_and_hear(suite: &Suite, ledger: &Ledger) {
    let name = ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
    told(suite, &name, "confirm_time").await;
}

#[tokio::test]
async fn what_is_lost_before_the_notifier_saw_it_is_mailed_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    invite_and_hear(&suite, &ledger).await;

    kill(&mut suite, Service::Notifier, 0);
    let unseen = ledger.invite(&address("guest")).await;
    told(&suite, &unseen, "publish_time").await;
    let nats = suite.nats.as_mut().unwrap();
    nats.process.crash();
    nats.wipe().unwrap();
    nats.restart().await.unwrap();
    revive(&mut suite, Service::Notifier, 0);

    told(&suite, &unseen, "confirm_time").await;
    ledger.settles(SOON).await;
}

#[tokio::test]
async fn what_is_purged_before_the_notifier_saw_it_is_mailed_once() {
    let mut suite = start(&options(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    invite_and_hear(&suite, &ledger).await;

    // All of what is told together, or a part of it.
    for kept in [0, 1] {
        kill(&mut suite, Service::Notifier, 0);
        let guests = [(); 3].map(|()| address("guest"));
        ledger.import(&guests).await;
        let invitations = guests.map(|email| ledger.name(&email));
        for unseen in &invitations {
            told(&suite, unseen, "publish_time").await;
        }
        Stream::of(&suite).await.purge(kept).await;
        revive(&mut suite, Service::Notifier, 0);
        // Its consumers have nothing left to do, which does not mean that they have dealt with it.
        ledger.settles(SOON).await;
        for unseen in &invitations {
            told(&suite, unseen, "confirm_time").await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_deleted_is_made_again_with_its_consumers() {
    let suite = start(&options(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    invite_and_hear(&suite, &ledger).await;

    let jetstream = jetstream(&suite).await;
    jetstream.delete_stream("USHER").await.unwrap();
    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
    let mut stream = jetstream.get_stream("USHER").await.unwrap();
    assert!(stream.info().await.unwrap().state.consumer_count >= 2);
}

#[tokio::test]
async fn consumers_that_are_deleted_are_made_again() {
    let suite = start(&options(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    invite_and_hear(&suite, &ledger).await;

    let stream = jetstream(&suite).await.get_stream("USHER").await.unwrap();
    let consumers: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
    assert!(consumers.len() >= 2, "{consumers:?}");
    for consumer in &consumers {
        stream.delete_consumer(consumer).await.unwrap();
    }
    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
    until("all consumers are there again", || async {
        let again: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
        consumers.iter().all(|consumer| again.contains(consumer)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_somebody_changed_is_what_it_must_be_again() {
    let suite = start(&options(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    invite_and_hear(&suite, &ledger).await;

    let jetstream = jetstream(&suite).await;
    let right = jetstream.get_stream("USHER").await.unwrap().cached_info().config.clone();
    let days = right.max_age.as_secs() / (24 * 60 * 60);
    assert_eq!((days, right.retention, right.discard), (45, RetentionPolicy::Limits, DiscardPolicy::New));
    assert_eq!((right.storage, right.duplicate_window), (StorageType::File, Duration::from_hours(1)));
    let wrong = Config { max_age: Duration::from_hours(24), max_messages: 10_000, ..right.clone() };
    jetstream.update_stream(wrong).await.unwrap();
    until("the stream is put right", || async {
        let now = jetstream.get_stream("USHER").await.ok()?.cached_info().config.clone();
        (now.max_age == right.max_age && now.max_messages == right.max_messages).then_some(())
    })
    .await;
}
