//! Time, injected: tests and the order of events must not depend on when code happens to run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DeriveValueType;

/// A moment: microseconds since 1970-01-01T00:00:00Z.
///
/// Stored as a whole number, not as a database time: SQLite keeps times as text, whose order breaks when the number of
/// fraction digits varies; a number compares alike on both databases and in every index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and `duration` more. Saturates at the end of time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This moment less `duration`. Saturates at the beginning of time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// Whole seconds since 1970, rounded down, as in the claims of tokens.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// RFC 3339 in UTC, as in event headers and, digit for digit, in the JSON of Protocol Buffers: no fraction, or one of
    /// three or six digits. Moments after the year 9999 are told as its end.
    #[must_use]
    pub fn rfc3339(self) -> String {
        prost_types::Timestamp::from(self.min(END_OF_9999)).to_string()
    }
}

/// The last moment that RFC 3339 can tell.
const END_OF_9999: Timestamp = Timestamp(253_402_300_799_999_999);

/// `duration` in microseconds; more than fits is as much as fits.
#[must_use]
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl From<prost_types::Timestamp> for Timestamp {
    fn from(moment: prost_types::Timestamp) -> Self {
        Self(moment.seconds.saturating_mul(1_000_000).saturating_add(i64::from(moment.nanos) / 1_000))
    }
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(moment: Timestamp) -> Self {
        let nanos = moment.0.rem_euclid(1_000_000) * 1_000;
        Self { seconds: moment.unix_seconds(), nanos: i32::try_from(nanos).unwrap_or(0) }
    }
}

/// Tells the time of domain values, such as when something was created. What decides, such as an expiry, asks the
/// database's clock instead ([`crate::database::now`]), which all replicas share.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(machine_time))
    }

    /// A clock that tells what `tell` says.
    pub fn told_by(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the machine is asked for the time")]
fn machine_time() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since_1970.map_or(0, micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_moments_before_1970_without_a_negative_fraction() {
        let proto = prost_types::Timestamp::from(Timestamp(-1));
        assert_eq!((proto.seconds, proto.nanos), (-1, 999_999_000));
    }

    #[test]
    fn far_moments_saturate() {
        assert_eq!(Timestamp(i64::MAX).after(Duration::from_secs(1)), Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MAX).rfc3339(), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn fractions_are_told_as_in_the_json_of_protocol_buffers() {
        let told = [1_000_000, 1_500_000, 1_819_240].map(|micros| Timestamp(micros).rfc3339());
        let expected = ["1970-01-01T00:00:01Z", "1970-01-01T00:00:01.500Z", "1970-01-01T00:00:01.819240Z"];
        assert_eq!(told, expected);
    }
}
