//! Events come in the wrong order, and again and again.

use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, Context};
use futures::StreamExt as _;
use sandbox::{Service, Topology, until};

use super::ledger::Ledger;
use super::{hasty, kill, revive, start};
use crate::support::address;
use crate::support::dice::Dice;

const SOON: Duration = Duration::from_secs(20);

/// All that is in the stream, in its order.
async fn messages(stream: &mut Stream) -> Vec<jetstream::Message> {
    let total = usize::try_from(stream.info().await.unwrap().state.messages).unwrap();
    let config = jetstream::consumer::pull::Config::default();
    let consumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.fetch().max_messages(total).messages().await.unwrap();
    messages.map(Result::unwrap).collect().await
}

/// Publishes messages once more, as if they were new to NATS.
async fn publish(jetstream: &Context, messages: Vec<jetstream::Message>) {
    for message in messages {
        let mut headers = async_nats::HeaderMap::new();
        for (name, values) in message.headers.iter().flat_map(async_nats::HeaderMap::iter) {
            if name.to_string() != "Nats-Msg-Id" {
                for value in values {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
        let (subject, payload) = (message.subject.clone(), message.payload.clone());
        jetstream.publish_with_headers(subject, headers, payload).await.unwrap().await.unwrap();
    }
}

#[tokio::test]
async fn events_that_come_again_and_in_another_order_change_nothing() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().unwrap()).await.unwrap();
    let jetstream = jetstream::new(client);
    let mut stream = until("there is a stream", || async { jetstream.get_stream("USHER").await.ok() }).await;

    // Nobody has heard of these: they come from the last to the first.
    kill(&mut suite, Service::Notifier, 0);
    let mut names = Vec::new();
    for _ in 0..12 {
        names.push(ledger.invite(&address("guest")).await);
    }
    ledger.revoke(&names[0]).await;
    ledger.accept(&names[1]).await;
    let unheard = until("the events are in the stream", || async {
        let mut stream = jetstream.get_stream("USHER").await.ok()?;
        let messages = messages(&mut stream).await;
        let of_invitations = |it: &&jetstream::Message| it.subject.starts_with("usher.invitation.");
        (messages.iter().filter(of_invitations).count() >= 14).then_some(messages)
    })
    .await;
    stream.purge().await.unwrap();
    publish(&jetstream, unheard.into_iter().rev().collect()).await;
    revive(&mut suite, Service::Notifier, 0);
    ledger.settles(SOON).await;

    // These were heard by all: they come twice more, in any order.
    let mut dice = Dice::new(1);
    for _ in 0..2 {
        let mut heard = messages(&mut stream).await;
        for place in (1..heard.len()).rev() {
            heard.swap(place, dice.below(place + 1));
        }
        publish(&jetstream, heard).await;
    }
    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
    until("all was heard", || async {
        let mut stream = jetstream.get_stream("USHER").await.ok()?;
        let mut consumers = stream.consumers();
        let mut behind = 0;
        while let Some(consumer) = consumers.next().await {
            let consumer = consumer.ok()?;
            behind += consumer.num_pending + consumer.num_ack_pending as u64;
        }
        stream.info().await.ok()?;
        (behind == 0).then_some(())
    })
    .await;
    ledger.settles(SOON).await;
}
