//! What a service seals with its own key: values that leave it and come back, and secrets at rest.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::Sha256;
use std::sync::Arc;

use crate::Random;

/// A 32-byte key that all replicas of a service share. Losing it makes page tokens and sealed signing keys unreadable,
/// nothing else.
#[derive(Clone, Debug)]
pub struct SealingKey(Arc<SecretBox<[u8; 32]>>);

const NONCE_LENGTH: usize = 24;

/// A text that is not a key.
#[derive(Debug, thiserror::Error)]
#[error("must be 32 bytes in base64")]
pub struct InvalidKey;

impl SealingKey {
    /// A new key.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(random.bytes()))))
    }

    /// Reads a key from base64.
    pub fn from_base64(text: &SecretString) -> Result<Self, InvalidKey> {
        let bytes = STANDARD.decode(text.expose_secret().trim()).map_err(|_| InvalidKey)?;
        let key: [u8; 32] = bytes.try_into().map_err(|_| InvalidKey)?;
        Ok(Self(Arc::new(SecretBox::new(Box::new(key)))))
    }

    /// The key in base64, to be stored.
    #[must_use]
    pub fn to_base64(&self) -> SecretString {
        STANDARD.encode(self.0.expose_secret()).into()
    }

    /// Encrypts `plain` so that only [`Self::open`] with the same `purpose` reads it and every change is noticed.
    #[must_use]
    pub fn seal(&self, random: &Random, purpose: &str, plain: &[u8]) -> String {
        let nonce: [u8; NONCE_LENGTH] = random.bytes();
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        // The cipher refuses only texts of more than 256 GiB.
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// Reads what [`Self::seal`] made with the same `purpose`; `None` for anything else.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE_LENGTH)?;
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().ok()?;
        self.cipher().decrypt(&XNonce::from(nonce), Payload { msg: text, aad: purpose.as_bytes() }).ok()
    }

    /// A keyed hash: tells equal inputs apart from others without telling what they were, even if they are guessable.
    #[must_use]
    pub fn fingerprint(&self, purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&block(self.0.expose_secret()));
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            // The length keeps ("ab", "c") apart from ("a", "bc").
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }
}

/// A key as HMAC-SHA-256 takes it: its 64-byte block, the rest zeros (RFC 2104).
fn block(key: &[u8; 32]) -> hmac::digest::Key<Hmac<Sha256>> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..key.len()].copy_from_slice(key);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_was_sealed_for_the_same_purpose() {
        let (key, random) = (SealingKey::generate(&Random::system()), Random::system());
        let sealed = key.seal(&random, "page", b"cursor");
        assert_eq!(key.open("page", &sealed).unwrap(), b"cursor");
        assert!(key.open("signing key", &sealed).is_none());
        assert!(SealingKey::generate(&random).open("page", &sealed).is_none());
        let mut forged = sealed.clone().into_bytes();
        forged[40] ^= 1;
        assert!(key.open("page", &String::from_utf8_lossy(&forged)).is_none());
        for short in ["", "a", "AAAA"] {
            assert!(key.open("page", short).is_none());
        }
    }

    #[test]
    fn fingerprints_keep_the_borders_of_parts() {
        let key = SealingKey::generate(&Random::system());
        assert_ne!(key.fingerprint("x", &[b"ab", b"c"]), key.fingerprint("x", &[b"a", b"bc"]));
        assert_eq!(key.fingerprint("x", &[b"ab"]), key.fingerprint("x", &[b"ab"]));
    }

    #[test]
    fn survives_storage() {
        let (key, random) = (SealingKey::generate(&Random::system()), Random::system());
        let again = SealingKey::from_base64(&key.to_base64()).unwrap();
        assert!(again.open("p", &key.seal(&random, "p", b"x")).is_some());
        assert!(SealingKey::from_base64(&"c2hvcnQ=".to_owned().into()).is_err());
    }
}
