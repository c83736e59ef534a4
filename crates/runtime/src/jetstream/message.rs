//! Events as messages of NATS.

use async_nats::HeaderMap;
use async_nats::jetstream::Message;

use crate::{Event, Timestamp};

/// The attributes of the event as CloudEvents headers, and what JetStream drops duplicates by.
pub(super) fn headers(event: &Event) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // JetStream would drop what is published anew because it was lost, if it came under the id that it remembers.
    headers.insert(
        "Nats-Msg-Id",
        match event.publication {
            0 => event.id.to_string(),
            again => format!("{}.{again}", event.id),
        },
    );
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

pub(super) fn read(message: &Message) -> Option<Event> {
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
        publication: 0,
    })
}
