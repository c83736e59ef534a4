//! Events as messages of NATS.

use async_nats::jetstream::Message;
use async_nats::{HeaderMap, HeaderName};

use crate::{Event, Timestamp};

const MESSAGE_ID: HeaderName = HeaderName::from_static("Nats-Msg-Id");
const SPEC_VERSION: HeaderName = HeaderName::from_static("ce-specversion");
const ID: HeaderName = HeaderName::from_static("ce-id");
const KIND: HeaderName = HeaderName::from_static("ce-type");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const RESOURCE: HeaderName = HeaderName::from_static("ce-subject");
const TIME: HeaderName = HeaderName::from_static("ce-time");
const VERSION: HeaderName = HeaderName::from_static("ce-sequence");
const MICROS: HeaderName = HeaderName::from_static("ce-ushertime");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The attributes of the event as CloudEvents headers, and what JetStream drops duplicates by.
pub(super) fn headers(event: &Event) -> HeaderMap {
    let id = event.id.to_string();
    // JetStream would drop what is published anew because it was lost, if it came under the id that it remembers.
    let message_id = match event.publication {
        0 => id.clone(),
        again => format!("{id}.{again}"),
    };
    let mut headers = HeaderMap::from_iter([
        (MESSAGE_ID, message_id.into()),
        (ID, id.into()),
        (SPEC_VERSION, "1.0".into()),
        (KIND, event.kind.as_str().into()),
        (SOURCE, format!("usher/{}", event.service).into()),
        (RESOURCE, event.resource.as_str().into()),
        (TIME, event.occur_time.rfc3339().into()),
        (MICROS, event.occur_time.0.into()),
        (VERSION, event.version.into()),
        (CONTENT_TYPE, "application/protobuf".into()),
    ]);
    if !event.traceparent.is_empty() {
        headers.insert(TRACEPARENT, event.traceparent.as_str());
    }
    headers
}

/// The event in a message. None if it is none, or one on a subject of others: NATS guards who may write to which, and the headers
/// must not say otherwise.
pub(super) fn read(message: &Message) -> Option<Event> {
    attributes(message).filter(|event| event.subject() == message.subject.as_str())
}

fn attributes(message: &Message) -> Option<Event> {
    let headers = message.headers.as_ref()?;
    let text = |name: HeaderName| headers.get(name).map(|value| value.as_str().to_owned());
    Some(Event {
        service: text(SOURCE)?.strip_prefix("usher/")?.to_owned(),
        id: text(ID)?.parse().ok()?,
        kind: text(KIND)?,
        resource: text(RESOURCE)?,
        version: text(VERSION)?.parse().ok()?,
        occur_time: Timestamp(text(MICROS)?.parse().ok()?),
        traceparent: text(TRACEPARENT).unwrap_or_default(),
        payload: message.payload.to_vec(),
        publication: 0,
    })
}
