//! The keys that verify people's access tokens, fetched from whoever issues them and kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use crate::Failure;
use crate::trust::VerifyingKey;

/// Fetches all keys that are valid now.
type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<Vec<VerifyingKey>, Failure>> + Send + Sync>;

/// What is not known, or cannot be asked for, is asked for no more often than this: tokens with made-up key ids must not become
/// calls to the issuer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// As long as the issuer does not answer, the keys that it named last are believed, but no longer than this.
const LONGEST_AGE: Duration = Duration::from_mins(5);

/// A cache of keys. Clones share it.
///
/// A key that the issuer names no more is believed for `max_age`, or, if the issuer does not answer, for five minutes. What is
/// known is told at once: who asks for it never waits for a question that another asks, except for the first after `max_age`.
#[derive(Clone)]
pub struct UserKeys {
    issuer: &'static str,
    fetch: Arc<Fetch>,
    max_age: Duration,
    known: Arc<Mutex<Known>>,
    /// Held while the issuer is asked: of many that have to know, one asks.
    asking: Arc<AsyncMutex<()>>,
}

#[derive(Default)]
struct Known {
    keys: Vec<VerifyingKey>,
    /// When the issuer was asked for what is known. It is no newer than that.
    fetched: Option<Instant>,
    /// When it was asked last, and whether it answered.
    attempt: Option<(Instant, bool)>,
}

/// What is to be done for one who looks for a key.
enum Lookup {
    /// This is the answer.
    Found(Option<VerifyingKey>),
    /// The issuer failed to answer a moment ago, and what is known says nothing.
    Unknown,
    /// It is the answer for now, and the issuer should be asked again meanwhile.
    Outdated(VerifyingKey),
    /// The issuer must be asked first.
    Ask,
}

impl Known {
    fn look_up(&self, kid: &str, max_age: Duration) -> Lookup {
        let found = self.keys.iter().find(|key| key.kid == kid);
        let age = self.fetched.map(|fetched| fetched.elapsed());
        let retry = self.attempt.is_none_or(|(when, _)| when.elapsed() >= RETRY_INTERVAL);
        let answered = self.attempt.is_none_or(|(_, answered)| answered);
        match (found, age) {
            (Some(key), Some(age)) if age < max_age => Lookup::Found(Some(key.clone())),
            // Nobody waits again for an issuer that did not answer.
            (Some(key), Some(age)) if age < LONGEST_AGE && !answered => {
                if retry {
                    Lookup::Outdated(key.clone())
                } else {
                    Lookup::Found(Some(key.clone()))
                }
            }
            (Some(_), _) if answered => Lookup::Ask,
            _ if retry => Lookup::Ask,
            _ if answered => Lookup::Found(None),
            _ => Lookup::Unknown,
        }
    }
}

impl UserKeys {
    /// A cache that fills itself by `fetch`, from the service `issuer`, when first asked, and again when what it knows is older
    /// than `max_age`.
    pub fn new<F>(issuer: &'static str, max_age: Duration, fetch: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<Vec<VerifyingKey>, Failure>> + Send + Sync + 'static,
    {
        let (known, asking) = (Arc::default(), Arc::default());
        Self { issuer, fetch: Arc::new(Box::new(fetch)), max_age, known, asking }
    }

    /// The key of this id.
    ///
    /// # Errors
    /// What `fetch` failed with, if the key is not known already.
    pub async fn find(&self, kid: &str) -> Result<Option<VerifyingKey>, Failure> {
        match self.look_up(kid) {
            Lookup::Found(found) => return Ok(found),
            Lookup::Unknown => return Err(unanswered(self.issuer)),
            Lookup::Outdated(key) => {
                self.ask_meanwhile();
                return Ok(Some(key));
            }
            Lookup::Ask => {}
        }
        let asking = self.asking.lock().await;
        // Perhaps the answer came to whoever asked before.
        match self.look_up(kid) {
            Lookup::Found(found) => return Ok(found),
            Lookup::Unknown => return Err(unanswered(self.issuer)),
            Lookup::Outdated(key) => return Ok(Some(key)),
            Lookup::Ask => {}
        }
        let asked = self.ask().await;
        drop(asking);
        let known = self.known();
        match (known.keys.iter().find(|key| key.kid == kid), known.fetched, asked) {
            (found, _, Ok(())) => Ok(found.cloned()),
            (Some(key), Some(fetched), Err(_)) if fetched.elapsed() < LONGEST_AGE => Ok(Some(key.clone())),
            (_, _, Err(failure)) => Err(failure),
        }
    }

    fn look_up(&self, kid: &str) -> Lookup {
        self.known().look_up(kid, self.max_age)
    }

    /// Asks in the background, if nobody does so already.
    fn ask_meanwhile(&self) {
        let Ok(asking) = self.asking.clone().try_lock_owned() else { return };
        let keys = self.clone();
        tokio::spawn(async move {
            let _asking = asking;
            if let Err(failure) = keys.ask().await {
                let reason = crate::rpc::error_chain(&failure);
                tracing::warn!(reason, "the keys of people's tokens cannot be fetched");
            }
        });
    }

    async fn ask(&self) -> Result<(), Failure> {
        let asked = Instant::now();
        let answer = (self.fetch)().await;
        let mut known = self.known();
        known.attempt = Some((Instant::now(), answer.is_ok()));
        let keys = answer?;
        known.keys = keys;
        known.fetched = Some(asked);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unanswered(issuer: &'static str) -> Failure {
    Failure::Unavailable { dependency: issuer, source: "it did not answer a moment ago".into() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    /// An issuer that names the keys that it is told, and counts how often it is asked.
    #[derive(Clone, Default)]
    struct Issuer {
        kids: Arc<Mutex<Vec<&'static str>>>,
        silent: Arc<AtomicBool>,
        asked: Arc<AtomicUsize>,
    }

    impl Issuer {
        fn naming(kids: &[&'static str]) -> Self {
            let issuer = Self::default();
            issuer.name(kids);
            issuer
        }

        fn name(&self, kids: &[&'static str]) {
            *self.kids.lock().unwrap() = kids.to_vec();
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }

        fn keys(&self, max_age: Duration) -> UserKeys {
            let issuer = self.clone();
            UserKeys::new("identity", max_age, move || {
                issuer.asked.fetch_add(1, Ordering::Relaxed);
                let silent = issuer.silent.load(Ordering::Relaxed);
                let kids = issuer.kids.lock().unwrap().clone();
                Box::pin(async move {
                    if silent {
                        return Err(unanswered("identity"));
                    }
                    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
                    kids.iter().map(|kid| VerifyingKey::ed25519(kid, x)).collect()
                })
            })
        }
    }

    async fn knows(keys: &UserKeys, kid: &str) -> bool {
        keys.find(kid).await.unwrap().is_some()
    }

    /// Lets time pass for what the issuer was asked.
    fn age(keys: &UserKeys, time: Duration) {
        let mut known = keys.known();
        known.fetched = known.fetched.and_then(|fetched| fetched.checked_sub(time));
        known.attempt = known.attempt.and_then(|(when, answered)| Some((when.checked_sub(time)?, answered)));
    }

    #[tokio::test]
    async fn made_up_ids_do_not_become_questions() {
        let issuer = Issuer::naming(&["a"]);
        let keys = issuer.keys(LONG);
        for number in 0..1_000 {
            assert!(!knows(&keys, &number.to_string()).await);
        }
        assert!(knows(&keys, "a").await);
        assert_eq!(issuer.asked(), 1);
    }

    #[tokio::test]
    async fn made_up_ids_do_not_become_questions_to_a_silent_issuer() {
        let issuer = Issuer::naming(&["a"]);
        issuer.silent.store(true, Ordering::Relaxed);
        let keys = issuer.keys(LONG);
        for number in 0..1_000 {
            assert!(matches!(keys.find(&number.to_string()).await, Err(Failure::Unavailable { .. })));
        }
        assert_eq!(issuer.asked(), 1);
    }

    #[tokio::test]
    async fn a_new_key_is_known_when_it_is_first_met() {
        let issuer = Issuer::naming(&["a"]);
        let keys = issuer.keys(LONG);
        assert!(knows(&keys, "a").await);
        issuer.name(&["b", "a"]);
        age(&keys, RETRY_INTERVAL);
        assert!(knows(&keys, "b").await);
        assert_eq!(issuer.asked(), 2);
    }

    #[tokio::test]
    async fn a_key_that_is_named_no_more_is_believed_for_the_longest_age_at_most() {
        let issuer = Issuer::naming(&["a"]);
        let keys = issuer.keys(Duration::from_secs(30));
        assert!(knows(&keys, "a").await);
        issuer.name(&[]);
        assert!(knows(&keys, "a").await, "it was asked a moment ago");
        age(&keys, Duration::from_secs(30));
        assert!(!knows(&keys, "a").await);
    }

    #[tokio::test]
    async fn a_silent_issuer_is_believed_for_a_while_and_nobody_waits_for_it() {
        let issuer = Issuer::naming(&["a"]);
        let keys = issuer.keys(Duration::from_secs(30));
        assert!(knows(&keys, "a").await);
        issuer.silent.store(true, Ordering::Relaxed);
        age(&keys, Duration::from_secs(30));
        for _ in 0..1_000 {
            assert!(knows(&keys, "a").await);
        }
        assert_eq!(issuer.asked(), 2);
        age(&keys, LONGEST_AGE);
        assert!(matches!(keys.find("a").await, Err(Failure::Unavailable { .. })));
    }

    #[tokio::test]
    async fn many_at_once_ask_once() {
        let issuer = Issuer::naming(&["a"]);
        let keys = issuer.keys(LONG);
        let found = futures::future::join_all((0..100).map(|_| keys.find("a"))).await;
        assert!(found.into_iter().all(|found| found.unwrap().is_some()));
        assert_eq!(issuer.asked(), 1);
    }
}
