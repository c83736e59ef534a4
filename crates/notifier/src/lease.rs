//! Whether a sender still has the mail that it took. A process that stood still for longer than its lease must not go on where it
//! was: another has taken the mail meanwhile.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time for which a mail is ours. Clones share it.
#[derive(Clone)]
pub(crate) struct Lease {
    length: Duration,
    /// None: another has the mail.
    until: Arc<Mutex<Option<Instant>>>,
}

impl Lease {
    /// One that the database gave after `asked`, for `length`.
    pub(crate) fn new(asked: Instant, length: Duration) -> Self {
        Self { length, until: Arc::new(Mutex::new(Some(asked + length))) }
    }

    /// How long it lasts without being renewed.
    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// Notes that the database gave it anew after `asked`.
    pub(crate) fn renew(&self, asked: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked + self.length);
    }

    /// Notes that another has the mail.
    pub(crate) fn lose(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether nobody else can have taken the mail by `now`.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_unless_it_is_renewed() {
        let (begun, minute) = (Instant::now(), Duration::from_mins(1));
        let lease = Lease::new(begun, minute);
        assert!(lease.is_held(begun) && !lease.is_held(begun + minute));
        lease.clone().renew(begun + minute / 2);
        assert!(lease.is_held(begun + minute) && !lease.is_held(begun + 2 * minute));
        lease.lose();
        assert!(!lease.is_held(begun));
    }
}
