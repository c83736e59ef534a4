//! Background tasks: begun together, watched, and ended together.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The background tasks of a process. None works before [`Self::begin`]: an event that a relay published before its
/// consumers subscribed would be lost to them.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    tasks: TaskTracker,
    begin: CancellationToken,
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Workers {
    /// Runs `work`, once they all begin, until it returns. It must return soon after the token that it gets is cancelled.
    /// Work that panics is begun again: one bad row must not end a process that serves others.
    pub fn spawn<F>(
        &self,
        name: impl Into<String>,
        mut work: impl FnMut(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (name, begin, stop) = (name.into(), self.begin.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = begin.cancelled() => {}
                () = stop.cancelled() => return,
            }
            while let Err(error) = tokio::spawn(work(stop.clone())).await {
                tracing::error!(worker = name, %error, "worker panicked and begins again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }

    /// Lets all workers begin, once every service has spawned and subscribed.
    pub fn begin(&self) {
        self.begin.cancel();
    }

    /// Tells whatever keeps a call open for long to end it: the process is about to take no more calls. Workers go on.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Fires when long calls must end.
    #[must_use]
    pub fn draining(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// Fires when the workers are told to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells all workers to stop and waits for them, but not longer than `grace`.
    pub async fn stop(&self, grace: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "workers did not stop in time; their leases will end");
        }
    }
}
