//! Secrets that open something for whoever has them: in links, and in the hands of programs. Services keep their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::Random;

const LENGTH: usize = 32;

/// A prefix that secret scanners know, and 32 random bytes in base64url. A guess is hopeless, so a plain hash keeps it safe.
#[derive(Debug)]
pub struct SecretToken(SecretString);

impl SecretToken {
    /// A new one.
    #[must_use]
    pub fn generate(random: &Random, prefix: &str) -> Self {
        let secret = URL_SAFE_NO_PAD.encode(random.bytes::<LENGTH>());
        Self(format!("{prefix}{secret}").into())
    }

    /// What somebody presents, if it can be a token with this prefix.
    #[must_use]
    pub fn parse(text: &str, prefix: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
        (bytes.len() == LENGTH).then(|| Self(text.to_owned().into()))
    }

    /// What is stored, and what a token is found by.
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

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "usher_test_";

    #[test]
    fn what_was_handed_out_leads_back_to_the_stored_hash() {
        let token = SecretToken::generate(&Random::system(), PREFIX);
        assert_eq!(SecretToken::parse(token.expose(), PREFIX).unwrap().hash(), token.hash());
    }

    #[test]
    fn other_texts_are_none() {
        let foreign = SecretToken::generate(&Random::system(), "usher_other_");
        for text in ["", PREFIX, "usher_test_AAAA", &"A".repeat(43), foreign.expose()] {
            assert!(SecretToken::parse(text, PREFIX).is_none(), "{text}");
        }
    }
}
