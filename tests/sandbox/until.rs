//! Waiting for facts, in one place.

use std::future::Future;
use std::time::Duration;

/// How long a fact may take to come true on a loaded machine. A test that passes never waits that long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks `fact` again and again until it has an answer.
///
/// # Panics
/// When a minute has passed without one, also within a question; `what` says what was waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut fact: impl FnMut() -> F) -> T {
    let answered = async {
        loop {
            if let Some(answer) = fact().await {
                return answer;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answered).await;
    answer.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain: {what}"))
}
