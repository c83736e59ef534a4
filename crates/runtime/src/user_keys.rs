//! The keys that verify people's access tokens, fetched from whoever issues them and kept for a while.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Failure;
use crate::trust::VerifyingKey;

/// Fetches all keys that are valid now.
type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<Vec<VerifyingKey>, Failure>> + Send + Sync>;

/// After so long the keys are fetched anew, so that a key that was taken back is believed no longer than that.
const MAX_AGE: Duration = Duration::from_mins(5);
/// An unknown key id is looked for no more often than this: tokens with made-up ids must not become calls to the issuer.
const MIN_AGE: Duration = Duration::from_secs(2);

/// A cache of keys. Clones share it.
#[derive(Clone)]
pub struct UserKeys {
    fetch: Arc<Fetch>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    keys: Vec<VerifyingKey>,
    fetched: Option<Instant>,
}

impl UserKeys {
    /// A cache that fills itself by `fetch` when first asked.
    pub fn new<F>(fetch: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<Vec<VerifyingKey>, Failure>> + Send + Sync + 'static,
    {
        Self { fetch: Arc::new(Box::new(fetch)), known: Arc::default() }
    }

    /// The key of this id.
    ///
    /// # Errors
    /// What `fetch` failed with, if the key is not known already.
    pub async fn find(&self, kid: &str) -> Result<Option<VerifyingKey>, Failure> {
        // Held across the fetch: of many calls that miss, one asks.
        let mut known = self.known.lock().await;
        let found = known.keys.iter().find(|key| key.kid == kid).cloned();
        let age = known.fetched.map(|fetched| fetched.elapsed());
        let stale = match &found {
            Some(_) => age.is_none_or(|age| age > MAX_AGE),
            None => age.is_none_or(|age| age > MIN_AGE),
        };
        if !stale {
            return Ok(found);
        }
        match (self.fetch)().await {
            Ok(keys) => {
                *known = Known { keys, fetched: Some(Instant::now()) };
                Ok(known.keys.iter().find(|key| key.kid == kid).cloned())
            }
            Err(failure) => found.map(Some).ok_or(failure),
        }
    }
}
