//! Events and the bus that carries them: within the process, or over NATS JetStream.

use std::sync::{Arc, RwLock};

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::jetstream::JetStream;
use crate::{Failure, Timestamp, outbox};

/// Something that happened, as other services see it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The service that tells it.
    pub service: String,
    /// Its id; an event that arrives twice has the same.
    pub id: Uuid,
    /// Resource and fact, such as `invitation.created`.
    pub kind: String,
    /// The name of the resource.
    pub resource: String,
    /// Counts the changes of the resource from 1.
    pub version: i64,
    /// When it happened.
    pub occur_time: Timestamp,
    /// The W3C trace context. Empty outside a trace.
    pub traceparent: String,
    /// The encoded message of the service's `event.proto`.
    pub payload: Vec<u8>,
}

impl Event {
    /// The event in a row of the outbox of `service`.
    #[must_use]
    pub fn new(service: &str, row: outbox::Model) -> Self {
        Self {
            service: service.to_owned(),
            id: row.id,
            kind: row.kind,
            resource: row.resource,
            version: row.version,
            occur_time: row.occur_time,
            traceparent: row.traceparent,
            payload: row.payload,
        }
    }

    /// `usher.<service>.<resource>.<fact>`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("usher.{}.{}", self.service, self.kind)
    }
}

/// What a consumer does with an event. `Ok` means that its effect is committed; after an error the event comes again. It can
/// come again after `Ok` too: see [`crate::processed_event`].
pub type Handler = Arc<dyn Fn(Event) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// A consumer of all events of one service.
#[derive(Clone)]
pub struct Subscription {
    /// Names the consumer for ever: replicas share it, and the broker keeps its place.
    pub consumer: &'static str,
    /// Whose events it gets.
    pub service: &'static str,
    /// What it does with them.
    pub handler: Handler,
}

/// What carries events.
#[derive(Clone)]
pub enum EventBus {
    /// Within this process. Publishing runs the handlers, so that an event counts as published when it has had its effect;
    /// what fails stays in the outbox.
    InProcess(Arc<RwLock<Vec<Subscription>>>),
    /// NATS JetStream.
    JetStream(Box<JetStream>),
}

impl EventBus {
    /// A bus within this process.
    #[must_use]
    pub fn in_process() -> Self {
        Self::InProcess(Arc::default())
    }

    /// Hands `event` to the bus. `Ok` means that it will reach every consumer, whatever happens to this process.
    pub async fn publish(&self, event: Event) -> Result<(), Failure> {
        match self {
            Self::JetStream(jetstream) => jetstream.publish(event).await,
            Self::InProcess(subscriptions) => {
                let subscriptions = subscriptions.read().map(|list| list.clone()).unwrap_or_default();
                for subscription in subscriptions.iter().filter(|it| it.service == event.service) {
                    (subscription.handler)(event.clone()).await?;
                }
                Ok(())
            }
        }
    }

    /// Adds a consumer. On JetStream it runs as a worker until `workers` stop.
    pub fn subscribe(&self, subscription: Subscription, workers: &crate::Workers) {
        match self {
            Self::JetStream(jetstream) => jetstream.consume(subscription, workers),
            Self::InProcess(subscriptions) => {
                if let Ok(mut list) = subscriptions.write() {
                    list.push(subscription);
                }
            }
        }
    }
}
