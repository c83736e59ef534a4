//! What NATS has, as an operator sees it, who may change it too.

use async_nats::{HeaderMap, jetstream};
use futures::TryStreamExt as _;
use sandbox::{Service, Suite};

/// The stream of all events. Those who can do nothing with it while NATS is away do nothing.
pub struct Stream {
    context: jetstream::Context,
}

/// An event as it is kept.
pub type Message = jetstream::message::StreamMessage;

/// What the stream is called.
const NAME: &str = "USHER";

impl Stream {
    /// That of a suite.
    pub async fn of(suite: &Suite) -> Self {
        Self::at(suite.description.nats_url.as_deref().expect("they are apart")).await
    }

    /// That of the server at `url`.
    pub async fn at(url: &str) -> Self {
        let client = sandbox::nats::connect(url).await.expect("NATS answers");
        Self { context: jetstream::new(client) }
    }

    /// All that it has, in its order. Nothing while it is missing.
    pub async fn messages(&self) -> Vec<Message> {
        // It is made when somebody needs it.
        let Ok(stream) = self.context.get_stream(NAME).await else { return Vec::new() };
        let state = &stream.cached_info().state;
        let mut messages = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            // One of them may have been deleted.
            messages.extend(stream.get_raw_message(sequence).await.ok());
        }
        messages
    }

    /// The ids of all events of a service, each as often as it is there.
    pub async fn event_ids(&self, service: Service) -> Vec<String> {
        let subjects = format!("usher.{}.", service.name());
        let ours = self.messages().await.into_iter().filter(|it| it.subject.as_str().starts_with(&subjects));
        ours.map(|message| header(&message, "ce-id")).collect()
    }

    /// Whether it tells on `subject` of `resource`.
    pub async fn tells(&self, subject: &str, resource: &str) -> bool {
        let about = |it: &Message| it.subject.as_str() == subject && header(it, "ce-subject") == resource;
        self.messages().await.iter().any(about)
    }

    /// Publishes messages once more, as if they were new to NATS.
    pub async fn publish_again(&self, messages: Vec<Message>) {
        for message in messages {
            let mut headers = HeaderMap::new();
            for (name, values) in message.headers.iter() {
                if name.to_string() != "Nats-Msg-Id" {
                    for value in values {
                        headers.append(name.clone(), value.clone());
                    }
                }
            }
            self.publish(message.subject.to_string(), headers, message.payload.to_vec()).await;
        }
    }

    /// Publishes whatever it may be, and waits until the stream has it if there is one.
    pub async fn publish(&self, subject: String, headers: HeaderMap, payload: Vec<u8>) {
        if let Ok(sent) = self.context.publish_with_headers(subject, headers, payload.into()).await {
            let _ = sent.await;
        }
    }

    /// Deletes it, with all that it has, if it is there.
    pub async fn delete(&self) {
        let _ = self.context.delete_stream(NAME).await;
    }

    /// Takes all events out of it but the last `kept`.
    pub async fn purge(&self, kept: u64) {
        let Ok(stream) = self.context.get_stream(NAME).await else { return };
        let _ = stream.purge().keep(kept).await;
    }

    /// Deletes all that is known about who has heard what.
    pub async fn delete_consumers(&self) {
        let Ok(stream) = self.context.get_stream(NAME).await else { return };
        let names: Vec<String> = stream.consumer_names().try_collect().await.unwrap_or_default();
        for name in &names {
            let _ = stream.delete_consumer(name).await;
        }
    }

    /// Whether everything was heard.
    pub async fn is_heard(&self) -> bool {
        let Ok(stream) = self.context.get_stream(NAME).await else { return false };
        let consumers: Result<Vec<_>, _> = stream.consumers().try_collect().await;
        consumers.is_ok_and(|all| all.iter().all(|it| it.num_pending == 0 && it.num_ack_pending == 0))
    }
}

fn header(message: &Message, name: &str) -> String {
    message.headers.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default()
}
