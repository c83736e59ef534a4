//! Events over NATS JetStream.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{AckKind, Context, Message};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::telemetry::follow;
use crate::{Event, Failure, Subscription, Timestamp, Workers};

/// `[events]`: how events travel between processes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// `nats://host:port`. Absent: within the process, which works only if all services run in it.
    #[serde(serialize_with = "crate::masked::optional_url")]
    pub nats_url: Option<String>,
    /// A NATS credentials file.
    pub nats_credentials_file: Option<std::path::PathBuf>,
    /// How many NATS servers keep each event: 3 in production.
    pub nats_replicas: Option<usize>,
}

const STREAM: &str = "USHER";
/// Above the longest life of an invitation (30 days), so that a consumer can be rebuilt from the stream.
const MAX_AGE: Duration = Duration::from_hours(45 * 24);
/// A relay that crashed after publishing publishes again within minutes.
const DUPLICATE_WINDOW: Duration = Duration::from_hours(1);
const ACK_WAIT: Duration = Duration::from_secs(30);
/// How many events a consumer works on at a time.
const CONCURRENCY: usize = 16;
const LONGEST_DELAY: Duration = Duration::from_mins(5);

/// A connection to NATS. It may be away at any time: publishing then fails, consumers wait, and both go on when it is back.
#[derive(Clone, Debug)]
pub struct JetStream {
    context: Context,
    replicas: usize,
}

type Trouble = Box<dyn std::error::Error + Send + Sync>;

impl JetStream {
    /// Begins to connect to `url`; succeeds even if the server is away.
    pub async fn connect(url: &str, config: &EventsConfig) -> Result<Self, Trouble> {
        let mut options = async_nats::ConnectOptions::new()
            .name("usher")
            .retry_on_initial_connect()
            .request_timeout(Some(Duration::from_secs(5)));
        if let Some(file) = &config.nats_credentials_file {
            options = options.credentials_file(file).await?;
        }
        let mut context = async_nats::jetstream::new(options.connect(url).await?);
        context.set_timeout(Duration::from_secs(5));
        Ok(Self { context, replicas: config.nats_replicas.unwrap_or(1) })
    }

    /// Publishes `event` and waits until the stream has it.
    pub async fn publish(&self, event: Event) -> Result<(), Failure> {
        let (subject, headers) = (event.subject(), headers(&event));
        let first = self.publish_once(&subject, &headers, &event.payload).await;
        let Err(error) = first else { return Ok(()) };
        // Perhaps the stream is missing, in which case nobody answers: make it and try once more.
        tracing::debug!(%error, "event {} was not taken at first", event.id);
        let unavailable = |source: Trouble| Failure::Unavailable { dependency: "nats", source };
        self.ensure_stream().await.map_err(unavailable)?;
        self.publish_once(&subject, &headers, &event.payload).await.map_err(unavailable)
    }

    async fn publish_once(&self, subject: &str, headers: &HeaderMap, payload: &[u8]) -> Result<(), Trouble> {
        let payload = payload.to_vec().into();
        // The first await sends, the second waits for the stream's acknowledgement.
        self.context.publish_with_headers(subject.to_owned(), headers.clone(), payload).await?.await?;
        Ok(())
    }

    async fn ensure_stream(&self) -> Result<async_nats::jetstream::stream::Stream, Trouble> {
        let stream = Config {
            name: STREAM.to_owned(),
            subjects: vec!["usher.>".to_owned()],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: self.replicas,
            duplicate_window: DUPLICATE_WINDOW,
            max_age: MAX_AGE,
            ..Config::default()
        };
        Ok(self.context.get_or_create_stream(stream).await?)
    }

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
            .heartbeat(Duration::from_secs(5))
            .expires(Duration::from_secs(30))
            .messages()
            .await?;
        let handled = messages
            .take_until(stop.cancelled())
            .map(|message| {
                let subscription = subscription.clone();
                // A task of its own: leaving this loop must not break off a database transaction in its middle.
                tokio::spawn(async move { handle(&subscription, message?).await })
            })
            .buffer_unordered(CONCURRENCY);
        let mut handled = std::pin::pin!(handled);
        while let Some(result) = handled.next().await {
            result??;
        }
        Ok(())
    }

    async fn ensure_consumer(&self, subscription: &Subscription) -> Result<Consumer<pull::Config>, Trouble> {
        let config = pull::Config {
            durable_name: Some(subscription.consumer.to_owned()),
            filter_subject: format!("usher.{}.>", subscription.service),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_deliver: -1,
            max_ack_pending: 1_000,
            ..pull::Config::default()
        };
        Ok(self.ensure_stream().await?.get_or_create_consumer(subscription.consumer, config).await?)
    }
}

async fn handle(subscription: &Subscription, message: Message) -> Result<(), Trouble> {
    let consumer = subscription.consumer;
    let Some(event) = read(&message) else {
        tracing::error!(consumer, subject = %message.subject, "message is not an event of the suite; it is dropped");
        return message.ack_with(AckKind::Term).await;
    };
    let span = tracing::info_span!("event.process", otel.kind = "consumer", consumer, event_id = %event.id, kind = event.kind);
    follow(&span, &event.traceparent);
    let id = event.id;
    match (subscription.handler)(event).instrument(span).await {
        Ok(()) => message.double_ack().await,
        Err(error) => {
            let delivered = message.info().map_or(1, |info| info.delivered).clamp(1, 10);
            let doublings = u32::try_from(delivered).unwrap_or(1);
            // A bare negative acknowledgement would bring the message back at once.
            let delay = Duration::from_millis(250).saturating_mul(1 << doublings).min(LONGEST_DELAY);
            let error = crate::rpc::error_chain(&error);
            tracing::warn!(consumer, event_id = %id, error, "event {id} is tried again later");
            message.ack_with(AckKind::Nak(Some(delay))).await
        }
    }
}

/// The attributes of the event as CloudEvents headers, and what JetStream drops duplicates by.
fn headers(event: &Event) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", event.id.to_string());
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", event.id.to_string());
    headers.insert("ce-type", event.kind.as_str());
    headers.insert("ce-source", format!("usher/{}", event.service));
    headers.insert("ce-subject", event.resource.as_str());
    headers.insert("ce-time", event.occur_time.rfc3339());
    headers.insert("ce-sequence", event.version.to_string());
    headers.insert("ce-ushertime", event.occur_time.0.to_string());
    headers.insert("content-type", "application/protobuf");
    if !event.traceparent.is_empty() {
        headers.insert("traceparent", event.traceparent.as_str());
    }
    headers
}

fn read(message: &Message) -> Option<Event> {
    let headers = message.headers.as_ref()?;
    let text = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    Some(Event {
        service: text("ce-source")?.strip_prefix("usher/")?.to_owned(),
        id: text("ce-id")?.parse().ok()?,
        kind: text("ce-type")?,
        resource: text("ce-subject")?,
        version: text("ce-sequence")?.parse().ok()?,
        occur_time: Timestamp(text("ce-ushertime")?.parse().ok()?),
        traceparent: text("traceparent").unwrap_or_default(),
        payload: message.payload.to_vec(),
    })
}
