//! What a process counts, by OpenTelemetry. Nothing happens where no collector is set.
//!
//! | metric | unit | attributes |
//! |---|---|---|
//! | `usher.outbox.backlog`: events that wait to be published | `{event}` | `service` |
//! | `usher.outbox.oldest_age`: for how long the oldest of them waits | `s` | `service` |
//! | `usher.outbox.unconfirmed`: published events that a consumer has still to deal with | `{event}` | `service` |
//! | `usher.event.dead_letters`: events that consumers of the service gave up, which wait for an operator | `{event}` | `service` |
//! | `messaging.client.sent.messages`: attempts to publish | `{message}` | `service`, `outcome` |
//! | `messaging.client.consumed.messages`: attempts to deal with an event | `{message}` | `consumer`, `outcome` |

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Gauge, Meter};
use opentelemetry::{KeyValue, global};

/// Made when first used, which is after telemetry was started.
static METERS: LazyLock<Meters> = LazyLock::new(|| Meters::new(&global::meter("usher")));

struct Meters {
    backlog: Gauge<u64>,
    oldest_age: Gauge<f64>,
    unconfirmed: Gauge<u64>,
    dead_letters: Gauge<u64>,
    sent: Counter<u64>,
    consumed: Counter<u64>,
}

impl Meters {
    fn new(meter: &Meter) -> Self {
        Self {
            backlog: meter.u64_gauge("usher.outbox.backlog").with_unit("{event}").build(),
            oldest_age: meter.f64_gauge("usher.outbox.oldest_age").with_unit("s").build(),
            unconfirmed: meter.u64_gauge("usher.outbox.unconfirmed").with_unit("{event}").build(),
            dead_letters: meter.u64_gauge("usher.event.dead_letters").with_unit("{event}").build(),
            sent: meter.u64_counter("messaging.client.sent.messages").with_unit("{message}").build(),
            consumed: meter.u64_counter("messaging.client.consumed.messages").with_unit("{message}").build(),
        }
    }
}

fn outcome(succeeded: bool) -> KeyValue {
    KeyValue::new("outcome", if succeeded { "ok" } else { "error" })
}

/// Attempts to publish so many events of `service`, and so many of them in vain.
pub(crate) fn publications(service: &'static str, attempts: usize, in_vain: usize) {
    for (count, succeeded) in [(attempts - in_vain, true), (in_vain, false)] {
        if count > 0 {
            METERS.sent.add(count as u64, &[KeyValue::new("service", service), outcome(succeeded)]);
        }
    }
}

/// An attempt of `consumer` to deal with an event.
pub(crate) fn consumption(consumer: &'static str, succeeded: bool) {
    METERS.consumed.add(1, &[KeyValue::new("consumer", consumer), outcome(succeeded)]);
}

/// How an outbox stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStanding {
    /// Events that wait to be published.
    pub backlog: u64,
    /// For how long the oldest of them waits.
    pub oldest_age: Duration,
    /// Published events that a consumer has still to deal with.
    pub unconfirmed: u64,
}

/// Tells how the outbox of `service` stands.
pub(crate) fn outbox(service: &'static str, standing: OutboxStanding) {
    let attributes = [KeyValue::new("service", service)];
    METERS.backlog.record(standing.backlog, &attributes);
    METERS.oldest_age.record(standing.oldest_age.as_secs_f64(), &attributes);
    METERS.unconfirmed.record(standing.unconfirmed, &attributes);
}

/// Tells how many dead letters the consumers of `service` have.
pub(crate) fn dead_letters(service: &'static str, count: u64) {
    METERS.dead_letters.record(count, &[KeyValue::new("service", service)]);
}
