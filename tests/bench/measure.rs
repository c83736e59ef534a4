//! Doing the same many times and looking at the clock.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;

/// How long each time took, sorted, and how long all of them together.
pub struct Measured {
    times: Vec<Duration>,
    total: Duration,
}

/// Does `work`, numbered, as often as possible within `time`, `concurrency` at a time. What comes first is not counted: it meets
/// empty caches and opens connections.
pub async fn measure(concurrency: usize, time: Duration, work: impl AsyncFn(usize)) -> Measured {
    let number = AtomicUsize::new(0);
    let until = Instant::now() + time / 5;
    join_all((0..concurrency).map(|_| repeat(until, &number, &work))).await;
    let begun = Instant::now();
    let times = join_all((0..concurrency).map(|_| repeat(begun + time, &number, &work))).await;
    let mut times = times.concat();
    times.sort_unstable();
    Measured { times, total: begun.elapsed() }
}

async fn repeat(until: Instant, number: &AtomicUsize, work: &impl AsyncFn(usize)) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        work(number.fetch_add(1, Ordering::Relaxed)).await;
        times.push(begun.elapsed());
    }
    times
}

impl Measured {
    /// Times that were measured one after the other.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let total = times.iter().sum();
        Self { times, total }
    }

    pub fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.total.as_secs_f64()
    }

    /// In milliseconds.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    fn quantile(&self, share: f64) -> f64 {
        let place = (self.times.len() as f64 * share) as usize;
        let time = self.times.get(place).or(self.times.last()).copied().unwrap_or_default();
        time.as_secs_f64() * 1_000.0
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rate, median, slow) = (self.per_second(), self.median(), self.quantile(0.99));
        write!(formatter, "{rate:>10.0} {median:>10.2} {slow:>10.2}")
    }
}
