//! Events and the bus that carries them: within the process, or over NATS JetStream.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::jetstream::{JetStream, Sent};
use crate::telemetry::{follow, link};
use crate::{Database, Failure, Timestamp, Workers, consumer, dead_letter, outbox};

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
    /// How often it was published anew because the broker had lost it.
    pub publication: i32,
}

impl Event {
    /// An event that waits in the outbox of `service`.
    #[must_use]
    pub(crate) fn new(service: &str, row: outbox::Waiting) -> Self {
        Self {
            service: service.to_owned(),
            id: row.id,
            kind: row.kind,
            resource: row.resource,
            version: row.version,
            occur_time: row.occur_time,
            traceparent: row.traceparent,
            payload: row.payload,
            publication: row.publication,
        }
    }

    /// `usher.<service>.<resource>.<fact>`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("usher.{}.{}", self.service, self.kind)
    }
}

/// The span of the publication of `events`: in the trace of the change if they tell of one, and linked to those of the first of them
/// otherwise. A span for each would cost as much as what is done in it.
pub(crate) fn publishing_span(events: &[Event]) -> Span {
    let count = events.len();
    let span =
        tracing::info_span!("outbox.publish", otel.kind = "producer", messaging.batch.message_count = count);
    match events {
        [event] => follow(&span, &event.traceparent),
        _ => events.iter().take(MOST_LINKS).for_each(|event| link(&span, &event.traceparent)),
    }
    span
}

/// How many links a span of OpenTelemetry has at most, unless somebody sets another limit.
const MOST_LINKS: usize = 128;

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
    /// Where failed attempts are counted, and events laid down that nothing can be done with.
    pub database: Database,
}

impl Subscription {
    /// The consumer of this name of the events of `service`: it keeps its accounts in `database` and hands each event to `handle`, with
    /// what that needs.
    pub fn new<S, F>(
        consumer: &'static str,
        service: &'static str,
        database: &Database,
        needs: S,
        handle: impl Fn(S, Event) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |event| Box::pin(handle(needs.clone(), event)));
        Self { consumer, service, handler, database: database.clone() }
    }

    /// Hands over `event`, in a task of its own: a panic is a failure like others, which is counted, and not the end of the worker.
    pub(crate) async fn handle(&self, event: Event) -> Result<(), Failure> {
        let handling = tokio::spawn((self.handler)(event).in_current_span());
        handling.await.unwrap_or_else(|panic| Err(Failure::internal(panic)))
    }
}

/// Where an event is, once the bus has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Every consumer has dealt with it.
    Consumed,
    /// In a stream, on its way to the consumers.
    Stored {
        /// When that stream was made, which tells it from one of the same name that was made anew.
        stream_time: Timestamp,
        /// The event's place in it.
        sequence: i64,
    },
}

/// Events that were handed to the bus.
pub enum Sending {
    /// They have had their effect, or not.
    Done(Vec<Result<Receipt, Failure>>),
    /// The stream has still to say.
    OnItsWay(Box<Sent>),
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

    /// How long a process that died keeps others from publishing. `None` within the process, where there are no others.
    pub(crate) fn lease(&self) -> Option<Duration> {
        match self {
            Self::JetStream(jetstream) => Some(jetstream.lease()),
            Self::InProcess(_) => None,
        }
    }

    /// Hands `events` to the bus, in this order. What was handed over before need not have its outcomes yet.
    pub async fn send(&self, events: Vec<Event>) -> Sending {
        match self {
            Self::JetStream(jetstream) => Sending::OnItsWay(Box::new(jetstream.send(events).await)),
            Self::InProcess(subscriptions) => {
                let subscriptions = subscriptions.read().map(|list| list.clone()).unwrap_or_default();
                let mut outcomes = Vec::with_capacity(events.len());
                for event in events {
                    let span = publishing_span(std::slice::from_ref(&event));
                    outcomes.push(consume_here(&subscriptions, event).instrument(span).await);
                }
                Sending::Done(outcomes)
            }
        }
    }

    /// Waits until it is known of each event whether it was taken. One that was will reach every consumer, unless the bus loses what
    /// it took: see [`crate::reconciler`].
    pub async fn outcomes(&self, sending: Sending) -> Vec<Result<Receipt, Failure>> {
        match (self, sending) {
            (Self::JetStream(jetstream), Sending::OnItsWay(sent)) => jetstream.outcomes(*sent).await,
            (_, Sending::Done(outcomes)) => outcomes,
            // Nothing that another bus sent comes here.
            (Self::InProcess(_), Sending::OnItsWay(_)) => Vec::new(),
        }
    }

    /// Adds a consumer. On JetStream it runs as a worker until `workers` stop; on both, a worker hands it what operators take
    /// back from among the dead letters.
    pub fn subscribe(&self, subscription: Subscription, workers: &Workers) {
        let redriven = subscription.clone();
        workers.spawn("redrive", move |stop| dead_letter::redrive_until(redriven.clone(), stop));
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

/// Runs the handlers of all consumers of `event`. One that failed keeps the event in the outbox; the others then see it again.
async fn consume_here(subscriptions: &[Subscription], event: Event) -> Result<Receipt, Failure> {
    for subscription in subscriptions.iter().filter(|it| it.service == event.service) {
        consumer::deliver(subscription, &event).await.map_err(|postponed| postponed.failure)?;
    }
    Ok(Receipt::Consumed)
}
