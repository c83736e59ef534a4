//! Waiting for facts, in one place.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a fact may take to come true on a loaded machine. A test that passes never waits that long.
const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks `fact` again and again until it has an answer.
///
/// # Panics
/// When a minute has passed without one; `what` says what was waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut fact: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = fact().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(INTERVAL).await;
    }
}
