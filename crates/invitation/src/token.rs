//! The secret in a link. It exists in the mail and in the mind of this process for a moment; the database has its hash.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use usher_runtime::Random;

/// Makes tokens recognisable to secret scanners.
const PREFIX: &str = "usher_inv_";
const LENGTH: usize = 32;

/// A token: a prefix and 32 random bytes in base64url. A guess is hopeless, so a plain hash keeps it safe.
#[derive(Debug)]
pub(crate) struct InvitationToken(SecretString);

/// A text that cannot be a token.
#[derive(Debug)]
pub(crate) struct Malformed;

impl InvitationToken {
    pub(crate) fn generate(random: &Random) -> Self {
        let secret = URL_SAFE_NO_PAD.encode(random.bytes::<LENGTH>());
        Self(format!("{PREFIX}{secret}").into())
    }

    /// What is stored, and what a token is found by.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }

    /// The link that is mailed. It must not be logged or stored.
    pub(crate) fn link(&self, base_url: &str) -> String {
        format!("{base_url}/join/{}", self.0.expose_secret())
    }
}

impl FromStr for InvitationToken {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let secret = text.strip_prefix(PREFIX).ok_or(Malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).map_err(|_| Malformed)?;
        if bytes.len() == LENGTH { Ok(Self(text.to_owned().into())) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_back_to_the_stored_hash() {
        let token = InvitationToken::generate(&Random::system());
        let link = token.link("https://usher.example");
        let text = link.strip_prefix("https://usher.example/join/").unwrap();
        assert_eq!(text.parse::<InvitationToken>().unwrap().hash(), token.hash());
    }

    #[test]
    fn other_texts_are_malformed() {
        for text in ["", "usher_inv_", "usher_inv_AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(text.parse::<InvitationToken>().is_err(), "{text}");
        }
    }
}
