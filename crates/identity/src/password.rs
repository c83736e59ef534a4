//! Passwords and their slow hashes.
//!
//! | file | what is in it |
//! |---|---|
//! | `policy.rs` | what a password may be |
//! | `leaked.rs` | the list of passwords that leaked often |
//! | `context.rs` | the words that everybody would try first for this person |
//! | `strength.rs` | how many guesses it takes |

mod context;
mod leaked;
mod policy;
mod strength;

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;
use usher_runtime::{Failure, Random, Violations};

pub(crate) use context::Context;
pub(crate) use policy::{Assessment, Chosen, Policy, Rule, is_enough_alone};

/// A password in the form in which it is hashed: NFKC, so that it does not depend on the keyboard.
#[derive(Clone, Debug)]
pub(crate) struct Password(SecretString);

/// Checked before any work is done on a password.
const MOST_BYTES: usize = 1_024;

impl Password {
    /// A password that somebody enters to be compared. Only its size is checked, before any work is done on it.
    pub(crate) fn enter(field: &str, text: &str, violations: &mut Violations) -> Option<Self> {
        let fits = (1..=MOST_BYTES).contains(&text.len());
        violations.require(fits, field, format_args!("must be 1 to {MOST_BYTES} bytes long"));
        fits.then(|| Self::normal(text))
    }

    fn normal(text: &str) -> Self {
        Self(text.nfkc().collect::<String>().into())
    }

    /// Whether both are the same, however they were typed.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// The form in which texts are compared that should not differ by the case of letters, or by how they were typed.
fn fold(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

/// Turns at work that keeps a core busy, beside the asynchronous threads.
#[derive(Clone)]
struct Turns(Arc<Semaphore>);

impl Turns {
    /// At most `permits` at a time.
    fn new(permits: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new(permits.get())))
    }

    /// Does `work` when it is its turn.
    async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = self.0.clone().acquire_owned().await.map_err(Failure::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        done.await.map_err(Failure::internal)?
    }
}

/// Hashes and compares passwords, a few at a time: each takes 46 MiB and a core.
#[derive(Clone)]
pub(crate) struct PasswordHasher {
    turns: Turns,
    random: Random,
}

/// Argon2id with 46 MiB in one pass, the strongest setting of the OWASP ASVS 5 list that is fast on one core.
const MEMORY_KIB: u32 = 46 * 1_024;

impl PasswordHasher {
    /// At most `permits` at a time.
    pub(crate) fn new(permits: NonZeroUsize, random: Random) -> Self {
        Self { turns: Turns::new(permits), random }
    }

    /// The hash to store, in the PHC string format.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, Failure> {
        let (password, salt) = (password.clone(), self.random.bytes::<16>());
        self.turns
            .take(move || {
                let hash = argon2()?.hash_password_with_salt(password.0.expose_secret().as_bytes(), &salt);
                hash.map(|hash| hash.to_string()).map_err(|error| Failure::internal(error.to_string()))
            })
            .await
    }

    /// Whether `password` is the one behind `stored`. Without `stored`, the same work is done in vain, so that an account
    /// that does not exist takes as long as one that does.
    pub(crate) async fn matches(&self, password: &Password, stored: Option<String>) -> Result<bool, Failure> {
        let (password, stored) = (password.clone(), stored.unwrap_or_else(|| self.nobodys_hash()));
        self.turns
            .take(move || {
                let parsed =
                    PasswordHash::new(&stored).map_err(|error| Failure::internal(error.to_string()))?;
                Ok(argon2()?.verify_password(password.0.expose_secret().as_bytes(), &parsed).is_ok())
            })
            .await
    }

    /// What is stored for a password, except that no password leads to it.
    fn nobodys_hash(&self) -> String {
        let salt = STANDARD_NO_PAD.encode(self.random.bytes::<16>());
        let output = STANDARD_NO_PAD.encode(self.random.bytes::<32>());
        format!("$argon2id$v=19$m={MEMORY_KIB},t=1,p=1${salt}${output}")
    }
}

/// Whether `stored` was made with less memory than is asked for now, and so must be made anew when the password is known.
pub(crate) fn is_outdated(stored: &str) -> bool {
    let made_with = PasswordHash::new(stored).ok().and_then(|hash| Params::try_from(&hash.params).ok());
    made_with.is_some_and(|params| params.m_cost() < MEMORY_KIB)
}

fn argon2() -> Result<Argon2<'static>, Failure> {
    let params = Params::new(MEMORY_KIB, 1, 1, None).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(text: &str) -> Option<Password> {
        Password::enter("password", text, &mut Violations::default())
    }

    fn hasher() -> PasswordHasher {
        PasswordHasher::new(NonZeroUsize::MIN, Random::system())
    }

    #[test]
    fn the_size_of_what_is_entered_is_checked() {
        assert!(entered("").is_none() && entered("x").is_some());
        assert!(entered(&"x".repeat(1_024)).is_some() && entered(&"x".repeat(1_025)).is_none());
    }

    #[test]
    fn less_work_is_outdated() {
        assert!(is_outdated("$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0$c29tZSBoYXNoIG9mIDE2IGJ5dGVz"));
        assert!(!is_outdated(&hasher().nobodys_hash()));
    }

    #[tokio::test]
    async fn only_the_same_password_matches_and_nobodys_never() {
        let hasher = hasher();
        let password = entered("a long and quiet evening").unwrap();
        let stored = hasher.hash(&password).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"));
        assert!(hasher.matches(&password, Some(stored.clone())).await.unwrap());
        assert!(!hasher.matches(&entered("a long and noisy evening").unwrap(), Some(stored)).await.unwrap());
        assert!(!hasher.matches(&password, None).await.unwrap());
    }

    #[tokio::test]
    async fn spellings_of_one_password_match() {
        let hasher = hasher();
        let stored = hasher.hash(&entered("caf\u{e9} caf\u{e9} caf\u{e9} caf\u{e9}").unwrap()).await.unwrap();
        let decomposed = entered("cafe\u{301} cafe\u{301} cafe\u{301} cafe\u{301}").unwrap();
        assert!(hasher.matches(&decomposed, Some(stored)).await.unwrap());
    }
}
