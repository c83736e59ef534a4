//! Durable consumers: pulled, supervised, and made again when they are gone.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::{AckKind, Message};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::{JetStream, STREAM, Trouble, message};
use crate::consumer::{Postponed, deliver};
use crate::{Event, Subscription, Workers, dead_letter};

/// Tells our consumers from those of others.
pub(super) const DESCRIPTION: &str = "usher";
/// How often a consumer that works on an event says so while its lease lasts, after which another replica gets it.
const PROGRESSES: u32 = 3;
/// How many events a consumer works on at a time.
const CONCURRENCY: usize = 16;
/// How long NATS keeps a request for events. A process that stands still is handed events for so long, and has each of them until
/// its lease ends.
const REQUEST: Duration = Duration::from_secs(10);
/// How often it is looked whether the consumer is still what it must be.
const LOOK_INTERVAL: Duration = Duration::from_secs(20);
/// How often NATS says during a request that it is there. It refuses more than half of the request.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// The subjects of the events of `service`.
pub(super) fn filter(service: &str) -> String {
    format!("usher.{service}.>")
}

impl JetStream {
    /// Runs `subscription` until `workers` stop. A consumer or stream that is missing is made again.
    pub fn consume(&self, subscription: Subscription, workers: &Workers) {
        let jetstream = self.clone();
        workers.spawn(subscription.consumer, move |stop| {
            let (jetstream, subscription) = (jetstream.clone(), subscription.clone());
            async move {
                while !stop.is_cancelled() {
                    if let Err(error) = jetstream.consume_while_it_lasts(&subscription, &stop).await {
                        tracing::warn!(consumer = subscription.consumer, %error, "consumer begins again");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        });
    }

    async fn consume_while_it_lasts(
        &self,
        subscription: &Subscription,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        let consumer = self.ensure_consumer(subscription).await?;
        // The default prefetches 200 messages, which then wait beyond `ack_wait`.
        let messages = consumer
            .stream()
            .max_messages_per_batch(CONCURRENCY)
            .heartbeat(HEARTBEAT)
            .expires(REQUEST)
            .messages()
            .await?;
        let progress = self.lease() / PROGRESSES;
        let handled = messages
            .take_until(stop.cancelled())
            .map(|message| {
                let subscription = subscription.clone();
                // A task of its own: leaving this loop must not break off a database transaction in its middle.
                tokio::spawn(async move { handle(&subscription, message?, progress).await })
            })
            .buffer_unordered(CONCURRENCY);
        let mut handled = std::pin::pin!(handled);
        let handling = async {
            while let Some(result) = handled.next().await {
                result??;
            }
            Ok(())
        };
        tokio::select! {
            outcome = handling => outcome,
            never = self.look_after(subscription) => never,
        }
    }

    /// Makes the consumer what it must be again and again, for as long as it is used.
    async fn look_after<T>(&self, subscription: &Subscription) -> T {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if let Err(error) = self.ensure_consumer(subscription).await {
                tracing::warn!(consumer = subscription.consumer, error, "consumer is looked after later");
            }
        }
    }

    /// Makes the consumer, or makes it what it must be.
    async fn ensure_consumer(&self, subscription: &Subscription) -> Result<Consumer<pull::Config>, Trouble> {
        self.ensure_stream().await?;
        let config = pull::Config {
            durable_name: Some(subscription.consumer.to_owned()),
            description: Some(DESCRIPTION.to_owned()),
            filter_subject: filter(subscription.service),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.lease(),
            max_deliver: -1,
            max_ack_pending: 1_000,
            ..pull::Config::default()
        };
        Ok(self.context.create_consumer_on_stream(config, STREAM).await?)
    }
}

async fn handle(subscription: &Subscription, message: Message, progress: Duration) -> Result<(), Trouble> {
    let Some(event) = message::read(&message) else { return lay_down(subscription, &message).await };
    match deliver_in_time(subscription, &event, &message, progress).await {
        Ok(()) => message.double_ack().await,
        // A bare negative acknowledgement would bring the message back at once.
        Err(postponed) => message.ack_with(AckKind::Nak(Some(postponed.delay))).await,
    }
}

/// Hands the event over and, while that takes, tells the server that the message is not forgotten.
async fn deliver_in_time(
    subscription: &Subscription,
    event: &Event,
    message: &Message,
    progress: Duration,
) -> Result<(), Postponed> {
    let mut delivery = std::pin::pin!(deliver(subscription, event));
    loop {
        tokio::select! {
            outcome = &mut delivery => return outcome,
            () = tokio::time::sleep(progress) => {
                if let Err(error) = message.ack_with(AckKind::Progress).await {
                    tracing::debug!(error, "progress of event {} could not be told", event.id);
                }
            }
        }
    }
}

/// Takes what is no event of the suite out of the way. Its place in the stream names it.
async fn lay_down(subscription: &Subscription, message: &Message) -> Result<(), Trouble> {
    let info = message.info()?;
    let place = format!("{}/{}/{}", info.stream, info.stream_sequence, info.published.unix_timestamp_nanos());
    let (database, consumer) = (&subscription.database, subscription.consumer);
    dead_letter::lay_down_message(database, consumer, &place, &message.subject, &message.payload).await?;
    message.ack_with(AckKind::Term).await
}
