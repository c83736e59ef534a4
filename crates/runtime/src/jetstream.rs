//! Events over NATS JetStream.

mod consuming;
mod message;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_nats::ServerAddr;
use async_nats::jetstream::Context;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::context::{
    CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, PublishAckFuture, PublishError,
    PublishErrorKind,
};
use async_nats::jetstream::stream::{self, Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tracing::Span;

use crate::event::{Receipt, publishing_span};
use crate::reconciler::StreamStanding;
use crate::{Event, Failure, Timestamp};

/// `[events]`: how events travel between processes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// `nats://user:password@host:port`, or without an account. Absent: within the process, which works only if all services run in it.
    #[serde(serialize_with = "crate::masked::optional_url")]
    pub nats_url: Option<String>,
    /// What the subjects begin with on which answers come, such as `_INBOX.community`, where the account of the process may hear
    /// no others. Absent: `_INBOX`.
    pub nats_inbox_prefix: Option<String>,
    /// A NATS credentials file.
    pub nats_credentials_file: Option<std::path::PathBuf>,
    /// How many NATS servers keep each event: 3 in production.
    pub nats_replicas: Option<usize>,
    /// How long a process that died keeps others from publishing the events of its service, and from those that it was about to deal
    /// with. Longer than NATS may take to answer, which is 5 seconds.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            nats_url: None,
            nats_inbox_prefix: None,
            nats_credentials_file: None,
            nats_replicas: None,
            lease: LEASE,
        }
    }
}

/// What `events.lease` is unless it is set.
const LEASE: Duration = Duration::from_secs(10);

const STREAM: &str = "USHER";
/// How long an answer of NATS may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than the relays of all services send without an answer: the client would have whoever sends more wait, with all that he has
/// sent already, and several of them for one another.
const MOST_UNANSWERED: usize = 100_000;
/// Above the longest life of an invitation (30 days), so that a consumer can be rebuilt from the stream.
const MAX_AGE: Duration = Duration::from_hours(45 * 24);
/// A relay that crashed after publishing publishes again within minutes.
const DUPLICATE_WINDOW: Duration = Duration::from_hours(1);

/// A connection to NATS. It may be away at any time: publishing then fails, consumers wait, and both go on when it is back.
#[derive(Clone, Debug)]
pub struct JetStream {
    context: Context,
    replicas: usize,
    lease: Duration,
    /// When the stream was made, in microseconds; 0 while that is not known.
    stream_time: Arc<AtomicI64>,
}

/// How long a stream has been missing before it is made. NATS 2.9 answers that a stream is deleted before it removes the files, and
/// takes those of a new stream of the same name along: the new one then has events that nobody can read.
const BEFORE_CREATION: Duration = Duration::from_secs(1);

type Trouble = Box<dyn std::error::Error + Send + Sync>;

impl JetStream {
    /// Begins to connect to `url`; succeeds even if the server is away.
    pub async fn connect(url: &str, config: &EventsConfig) -> Result<Self, Trouble> {
        let mut options = async_nats::ConnectOptions::new()
            .name("usher")
            .retry_on_initial_connect()
            .request_timeout(Some(PATIENCE));
        if let Some(prefix) = &config.nats_inbox_prefix {
            options = options.custom_inbox_prefix(prefix);
        }
        if let Some(file) = &config.nats_credentials_file {
            options = options.credentials_file(file).await?;
        }
        // The client takes no account from a URL by itself.
        let server: ServerAddr = url.parse()?;
        if let (Some(user), Some(password)) = (server.username(), server.password()) {
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        let context = ContextBuilder::new().timeout(PATIENCE).max_ack_inflight(MOST_UNANSWERED);
        let context = context.build(options.connect(server).await?);
        let replicas = config.nats_replicas.unwrap_or(1);
        Ok(Self { context, replicas, lease: config.lease, stream_time: Arc::default() })
    }

    /// How long a process that died keeps others from its work.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Sends `events` in their order, one behind the other, without waiting for anything that the stream says.
    pub async fn send(&self, events: Vec<Event>) -> Sent {
        // Read before anything is sent: what is taken from here on is in this stream or in a later one.
        let stream_time = self.stream_time().await.map_err(|error| error.to_string());
        let span = publishing_span(&events);
        let mut answers = Vec::with_capacity(events.len());
        let sendable = if stream_time.is_ok() { events.as_slice() } else { &[] };
        for event in sendable {
            let publish = self.context.publish_with_headers(
                event.subject(),
                message::headers(event),
                event.payload.clone().into(),
            );
            let answer = publish.await;
            let away = matches!(&answer, Err(error) if error.kind() == PublishErrorKind::TimedOut);
            answers.push(answer);
            if away {
                // Each that followed would wait as long for a connection.
                break;
            }
        }
        Sent { events, stream_time, answers, span }
    }

    /// Waits for what the stream says to events that were sent, and returns for each where the stream has it. Those that were not
    /// taken are tried once more.
    pub async fn outcomes(&self, sent: Sent) -> Vec<Result<Receipt, Failure>> {
        let (events, mut outcomes) = sent.outcomes().await;
        let failed: Vec<usize> = (0..events.len()).filter(|at| outcomes[*at].is_err()).collect();
        if !failed.is_empty() {
            // Perhaps the stream is missing, in which case nobody answers: make it and try once more.
            match self.ensure_stream().await {
                Ok(_) => {
                    let again = failed.iter().map(|at| events[*at].clone()).collect();
                    let (_, tried) = self.send(again).await.outcomes().await;
                    for (at, outcome) in failed.into_iter().zip(tried) {
                        outcomes[at] = outcome;
                    }
                }
                Err(error) => tracing::debug!(error, "there is no stream and none can be made"),
            }
        }
        outcomes.into_iter().map(|outcome| outcome.map_err(unavailable)).collect()
    }

    /// When the stream was made, as known at this moment.
    async fn stream_time(&self) -> Result<Timestamp, Trouble> {
        match self.stream_time.load(Ordering::Acquire) {
            0 => Ok(made(self.ensure_stream().await?.cached_info())),
            known => Ok(Timestamp(known)),
        }
    }

    /// Makes the stream, or makes it what it must be.
    async fn ensure_stream(&self) -> Result<Stream, Trouble> {
        let wanted = self.stream_config();
        let stream = match self.context.get_stream(STREAM).await {
            Err(error) if is_missing(&error) => {
                tokio::time::sleep(BEFORE_CREATION).await;
                self.context.get_or_create_stream(wanted.clone()).await?
            }
            found => found?,
        };
        self.mend_stream(&stream.cached_info().config, wanted).await?;
        self.stream_time.store(made(stream.cached_info()).0, Ordering::Release);
        Ok(stream)
    }

    /// Makes the stream what it must be, if somebody changed it. NATS changes no kind of storage and no retention: where those are
    /// wrong, the rest is put right, and events go on, since the stream is never their only copy.
    async fn mend_stream(&self, found: &Config, wanted: Config) -> Result<(), Trouble> {
        let right = put_right(found, wanted);
        let kept = Config { storage: found.storage, retention: found.retention, ..right.clone() };
        for wanted in [right, kept] {
            if wanted == *found {
                return Ok(());
            }
            match self.context.update_stream(&wanted).await {
                Ok(_) => {
                    tracing::warn!("stream {STREAM} was changed by somebody, and is put right");
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), CreateStreamErrorKind::JetStream(_)) => {
                    tracing::warn!(%error, "stream {STREAM} is not what it must be, and cannot be changed");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn stream_config(&self) -> Config {
        Config {
            name: STREAM.to_owned(),
            subjects: vec!["usher.>".to_owned()],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: self.replicas,
            duplicate_window: DUPLICATE_WINDOW,
            max_age: MAX_AGE,
            // Without a limit, as NATS writes it.
            max_messages: -1,
            max_messages_per_subject: -1,
            max_message_size: -1,
            max_bytes: -1,
            ..Config::default()
        }
    }

    /// How the stream stands for the events of `service`.
    pub(crate) async fn standing(&self, service: &str) -> Result<StreamStanding, Failure> {
        self.look(service).await.map_err(unavailable)
    }

    async fn look(&self, service: &str) -> Result<StreamStanding, Trouble> {
        // Before the consumers, so that what they have acknowledged is not beyond its end.
        let mut stream = self.ensure_stream().await?;
        let (stream_time, last_sequence) =
            (made(stream.cached_info()), stream.cached_info().state.last_sequence);
        let filter = consuming::filter(service);
        let mut acknowledged: Option<u64> = None;
        let mut consumers = stream.consumers();
        while let Some(consumer) = consumers.try_next().await? {
            let ours = consumer.config.description.as_deref() == Some(consuming::DESCRIPTION);
            if ours && consumer.config.filter_subject == filter {
                // One that has nothing left to do does not move its floor over the events of others.
                let idle = consumer.num_pending == 0 && consumer.num_ack_pending == 0;
                let reached = if idle { last_sequence } else { consumer.ack_floor.stream_sequence };
                acknowledged = Some(acknowledged.map_or(reached, |least| least.min(reached)));
            }
        }
        // After the consumers, who have nothing left to do in a stream that was emptied meanwhile.
        let now = stream.info().await?;
        if made(now) != stream_time {
            return Err("the stream was made anew meanwhile".into());
        }
        let first_sequence = now.state.first_sequence;
        let place = |sequence: u64| i64::try_from(sequence).unwrap_or(i64::MAX);
        Ok(StreamStanding {
            stream_time,
            first_sequence: place(first_sequence),
            last_sequence: place(last_sequence),
            acknowledged: place(acknowledged.unwrap_or(0)),
        })
    }
}

/// Events on their way to the stream.
pub struct Sent {
    events: Vec<Event>,
    /// When the stream was made, or why nothing could be sent.
    stream_time: Result<Timestamp, String>,
    /// Of as many as were sent before NATS took no more.
    answers: Vec<Result<PublishAckFuture, PublishError>>,
    /// Ends with the last answer.
    span: Span,
}

impl Sent {
    /// What became of each. Answers come in the order of the events, and are waited for one after the other until a moment that is the
    /// same for all: those that do not come cost their time once, however many there are.
    async fn outcomes(self) -> (Vec<Event>, Vec<Result<Receipt, Trouble>>) {
        let outcomes = match self.stream_time {
            Ok(stream_time) => {
                let until = Instant::now() + PATIENCE;
                let mut outcomes = Vec::with_capacity(self.events.len());
                for sent in self.answers {
                    outcomes.push(acknowledged(sent, stream_time, until).await);
                }
                outcomes
                    .resize_with(self.events.len(), || Err("it is behind one that NATS did not take".into()));
                outcomes
            }
            Err(error) => self.events.iter().map(|_| Err(error.clone().into())).collect(),
        };
        drop(self.span);
        (self.events, outcomes)
    }
}

/// What the stream says to an event that was sent, if it has said it `until` then.
async fn acknowledged(
    sent: Result<PublishAckFuture, PublishError>,
    stream_time: Timestamp,
    until: Instant,
) -> Result<Receipt, Trouble> {
    let answer = timeout_at(until, sent?).await.map_err(|_| "NATS did not say in time that it has it")?;
    let sequence = i64::try_from(answer?.sequence)?;
    Ok(Receipt::Stored { stream_time, sequence })
}

fn made(stream: &stream::Info) -> Timestamp {
    let micros = stream.created.unix_timestamp_nanos() / 1_000;
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}

fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(refusal) if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// `found` with the properties that are relied on as they are `wanted`: that each event of the suite is taken, that it is kept until
/// all have dealt with it, and that nobody speaks for another through the stream. The others are the operator's business.
fn put_right(found: &Config, wanted: Config) -> Config {
    Config {
        subjects: wanted.subjects,
        retention: wanted.retention,
        storage: wanted.storage,
        num_replicas: wanted.num_replicas,
        duplicate_window: wanted.duplicate_window,
        discard: wanted.discard,
        discard_new_per_subject: wanted.discard_new_per_subject,
        max_age: wanted.max_age,
        max_messages: wanted.max_messages,
        max_messages_per_subject: wanted.max_messages_per_subject,
        max_message_size: wanted.max_message_size,
        max_bytes: wanted.max_bytes,
        no_ack: wanted.no_ack,
        sealed: wanted.sealed,
        allow_rollup: wanted.allow_rollup,
        republish: wanted.republish,
        mirror: wanted.mirror,
        sources: wanted.sources,
        subject_transform: wanted.subject_transform,
        consumer_limits: wanted.consumer_limits,
        ..found.clone()
    }
}

fn unavailable(source: Trouble) -> Failure {
    Failure::Unavailable { dependency: "nats", source }
}
