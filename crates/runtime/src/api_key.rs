//! API keys: what they look like, and who they stand for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use usher_api::name::PrincipalName;

use crate::{Failure, Random};

/// What every key begins with. Nothing else in Usher does.
pub const PREFIX: &str = "usher_ak_";

const SECRET_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 4;

/// A key: [`PREFIX`], then 32 random bytes and a checksum in base64url without padding, 57 characters in all.
///
/// The checksum is the CRC-32 of the prefix and the random bytes, big-endian: whoever finds a text of this form, be it a scanner of
/// secrets or a process that is called, tells keys from look-alikes without asking anybody. It protects nothing.
#[derive(Debug)]
pub struct ApiKeySecret(SecretString);

impl ApiKeySecret {
    /// A new one.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        let secret: [u8; SECRET_LENGTH] = random.bytes();
        let text = URL_SAFE_NO_PAD.encode([secret.as_slice(), &checksum(&secret)].concat());
        Self(format!("{PREFIX}{text}").into())
    }

    /// What somebody presents, if it can be a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (secret, sum) = bytes.split_at_checked(SECRET_LENGTH)?;
        (sum == checksum(secret)).then(|| Self(text.to_owned().into()))
    }

    /// What is stored, and what a key is found by. A guess is hopeless, so a plain hash keeps it safe.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }

    /// The text, for whoever it is made for. It must not be logged or stored.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The CRC-32 of zip, PNG and Ethernet.
fn checksum(secret: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut sum = u32::MAX;
    for byte in PREFIX.as_bytes().iter().chain(secret) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    (!sum).to_be_bytes()
}

/// Asks whom the key with a hash stands for.
type Ask = dyn Fn(Vec<u8>) -> BoxFuture<'static, Result<PrincipalName, Failure>> + Send + Sync;

/// Tells whom keys stand for, by asking whoever keeps them, each time: a key that was revoked must be refused in the next call,
/// by every process. Clones share the way.
#[derive(Clone)]
pub struct ApiKeys(Arc<Ask>);

impl ApiKeys {
    /// Asks by `ask`, which answers [`Failure::TokenInvalid`] or [`Failure::TokenExpired`] for keys that are not good.
    pub fn new<F>(ask: F) -> Self
    where
        F: Fn(Vec<u8>) -> BoxFuture<'static, Result<PrincipalName, Failure>> + Send + Sync + 'static,
    {
        Self(Arc::new(ask))
    }

    /// Whom the key `text` stands for. One that cannot be a key is refused without asking.
    pub(crate) async fn verify(&self, text: &str) -> Result<PrincipalName, Failure> {
        let key = ApiKeySecret::parse(text).ok_or(Failure::TokenInvalid)?;
        (self.0)(key.hash()).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use usher_api::name::UserName;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        // Of the text "usher_ak_123456789", by zlib.
        assert_eq!(checksum(b"123456789"), 0xC657_124F_u32.to_be_bytes());
    }

    #[test]
    fn what_was_handed_out_leads_back_to_the_stored_hash() {
        let key = ApiKeySecret::generate(&Random::system());
        assert_eq!(ApiKeySecret::parse(key.expose()).unwrap().hash(), key.hash());
        assert!(key.expose().len() <= 100 && key.expose().len() == 57);
    }

    #[tokio::test]
    async fn what_cannot_be_a_key_is_refused_without_asking() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let keys = ApiKeys::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(PrincipalName::User(UserName(Uuid::nil()))) })
        });
        let good = ApiKeySecret::generate(&Random::system());
        let mut mistyped = good.expose().to_owned().into_bytes();
        mistyped[20] = if mistyped[20] == b'A' { b'B' } else { b'A' };
        let mistyped = String::from_utf8(mistyped).unwrap();
        let cut = good.expose()[..56].to_owned();
        for text in [mistyped.as_str(), &cut, PREFIX, "", &good.expose()[PREFIX.len()..]] {
            assert!(matches!(keys.verify(text).await, Err(Failure::TokenInvalid)), "{text}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert!(keys.verify(good.expose()).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
