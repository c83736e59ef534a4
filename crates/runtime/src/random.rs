//! Randomness, injected, so that a test can repeat a run.

use std::fmt;
use std::sync::Arc;

use uuid::{Builder, Uuid};

use crate::Timestamp;

/// Fills a slice with random bytes.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// A source of random bytes. [`Random::system`] is fit for secrets.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

impl Random {
    /// The operating system's generator.
    ///
    /// # Panics
    /// When asked for bytes while the operating system has none. Nothing safe could be done without them.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(fill_from_system))
    }

    /// Bytes that `fill` makes up.
    pub fn told_by(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// A UUID of version 7: ordered by `now`, so that index pages fill one after another. Not a secret.
    #[must_use]
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.0 / 1_000).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Random")
    }
}

#[expect(clippy::disallowed_methods, clippy::expect_used, reason = "the one place where the system is asked")]
fn fill_from_system(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system must provide randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_their_moment() {
        let random = Random::system();
        let (earlier, later) = (random.uuid(Timestamp(1_000)), random.uuid(Timestamp(5_000)));
        assert!(earlier < later);
        assert_eq!(earlier.get_version_num(), 7);
    }
}
