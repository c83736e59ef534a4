//! Refresh tokens, which serve once.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};
use usher_runtime::Random;

use crate::error::Error;

/// A refresh token: a prefix that secret scanners know, and 32 random bytes in base64url. Stored as hashes.
///
/// The first half of the bytes stays the same through a session, so that a token that comes back is recognised however long ago
/// it was exchanged. The second half is new each time, and cannot be guessed by who knows the first.
pub(crate) struct RefreshToken(SecretBox<[u8; LENGTH]>);

const PREFIX: &str = "usher_rt_";
const LENGTH: usize = 32;
const FAMILY_LENGTH: usize = 16;

impl RefreshToken {
    /// The first token of a session.
    pub(crate) fn generate(random: &Random) -> Self {
        Self(SecretBox::new(Box::new(random.bytes())))
    }

    /// The token that this one is exchanged for.
    pub(crate) fn next(&self, random: &Random) -> Self {
        let mut bytes: [u8; LENGTH] = random.bytes();
        bytes[..FAMILY_LENGTH].copy_from_slice(&self.0.expose_secret()[..FAMILY_LENGTH]);
        Self(SecretBox::new(Box::new(bytes)))
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }

    pub(crate) fn family_hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0.expose_secret()[..FAMILY_LENGTH]).to_vec()
    }

    pub(crate) fn expose(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0.expose_secret()))
    }
}

impl FromStr for RefreshToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let secret = text.strip_prefix(PREFIX).ok_or(Error::RefreshTokenInvalid)?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).map_err(|_| Error::RefreshTokenInvalid)?;
        let bytes: [u8; LENGTH] = bytes.try_into().map_err(|_| Error::RefreshTokenInvalid)?;
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }
}
