//! The line of mails that wait. It stops while the mail server does not answer or does not let us in: none of that is about a
//! mail, so none is dropped and no attempt counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long the line stops at first, and at most: twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Whether mails may go. Clones share it; each process has its own, as each has its own way to the server.
#[derive(Clone)]
pub(crate) struct Line {
    state: Arc<Mutex<State>>,
    flows: Arc<watch::Sender<bool>>,
}

#[derive(Default)]
struct State {
    /// How often in a row it was in vain.
    failures: u32,
    /// Until when nothing is tried.
    until: Option<Instant>,
    /// One mail is on its way to find out whether others can follow.
    trying: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { state: Arc::default(), flows: Arc::new(watch::Sender::new(true)) }
    }
}

impl Line {
    /// Tells whoever watches whether mails leave.
    pub(crate) fn flows(&self) -> watch::Receiver<bool> {
        self.flows.subscribe()
    }

    /// How many of `free` mails may begin. After a stop, one goes ahead of the others.
    pub(crate) fn allow(&self, free: usize, now: Instant) -> usize {
        let state = self.state();
        match state.until {
            None => free,
            Some(until) if state.trying || now < until => 0,
            Some(_) => free.min(1),
        }
    }

    /// Notes that so many of the allowed mails begin, and tells whether they go ahead of the others.
    pub(crate) fn begin(&self, count: usize) -> bool {
        let mut state = self.state();
        let goes_ahead = state.until.is_some() && count > 0;
        state.trying |= goes_ahead;
        goes_ahead
    }

    /// Whether mails leave that do not go ahead of others.
    pub(crate) fn is_open(&self) -> bool {
        self.state().until.is_none()
    }

    /// Notes that the server spoke about a mail: others can follow.
    pub(crate) fn open(&self) {
        let mut state = self.state();
        if state.until.is_some() {
            tracing::info!(failures = state.failures, "mails leave again");
        }
        *state = State::default();
        drop(state);
        self.flows.send_if_modified(|flows| !std::mem::replace(flows, true));
    }

    /// Notes that a mail ended without a word of the server: whether others can follow is still not known.
    pub(crate) fn leave(&self) {
        self.state().trying = false;
    }

    /// Stops the line, and tells for how long.
    pub(crate) fn stop(&self, why: &str, now: Instant) -> Duration {
        let mut state = self.state();
        // Mails that were under way together tell the same.
        let already = state.until.is_some() && !state.trying;
        if !already {
            state.failures = state.failures.saturating_add(1);
        }
        state.trying = false;
        let doublings = state.failures.clamp(1, 10) - 1;
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        state.until = Some(now + pause);
        let (failures, pause_s) = (state.failures, pause.as_secs());
        drop(state);
        if !already {
            tracing::error!(why, failures, pause_s, "no mail leaves: {why}");
        }
        self.flows.send_if_modified(|flows| std::mem::replace(flows, false));
        pause
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_stop_one_mail_goes_ahead() {
        let (line, mut now) = (Line::default(), Instant::now());
        let flows = line.flows();
        assert_eq!((line.allow(8, now), *flows.borrow()), (8, true));
        assert!(!line.begin(8) && line.is_open());
        assert_eq!(line.stop("away", now), Duration::from_secs(1));
        // The seven others find the same.
        assert_eq!(line.stop("away", now), Duration::from_secs(1));
        assert_eq!((line.allow(8, now), *flows.borrow()), (0, false));
        now += Duration::from_secs(1);
        assert_eq!(line.allow(8, now), 1);
        assert!(line.begin(1) && !line.is_open());
        assert!(!line.begin(0));
        assert_eq!(line.allow(7, now), 0, "one at a time");
        assert_eq!(line.stop("away", now), Duration::from_secs(2), "longer each time");
        now += Duration::from_secs(2);
        line.begin(line.allow(8, now));
        line.leave();
        assert_eq!(line.allow(8, now), 1, "a mail that nobody needed any more tells nothing");
        line.begin(1);
        line.open();
        assert_eq!((line.allow(8, now), *flows.borrow()), (8, true));
    }

    #[test]
    fn it_never_stops_for_more_than_a_minute() {
        let (line, mut now) = (Line::default(), Instant::now());
        for _ in 0..40 {
            now += line.stop("away", now);
            line.begin(line.allow(1, now));
        }
        assert_eq!(line.stop("away", now), LONGEST_PAUSE);
    }
}
