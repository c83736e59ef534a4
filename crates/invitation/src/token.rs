//! The secret in a link. It exists in the mail and in the mind of this process for a moment; the database has its hash.

use std::str::FromStr;

use usher_runtime::{LinkBase, Random, SecretToken};

const PREFIX: &str = "usher_inv_";

/// A secret that begins with `usher_inv_`.
#[derive(Debug)]
pub(crate) struct InvitationToken(SecretToken);

/// A text that cannot be a token.
#[derive(Debug)]
pub(crate) struct Malformed;

impl InvitationToken {
    pub(crate) fn generate(random: &Random) -> Self {
        Self(SecretToken::generate(random, PREFIX))
    }

    /// What is stored, and what a token is found by.
    pub(crate) fn hash(&self) -> Vec<u8> {
        self.0.hash()
    }

    /// The link that is mailed. It must not be logged or stored.
    pub(crate) fn link(&self, base: &LinkBase) -> String {
        base.link(&format!("/join/{}", self.0.expose()))
    }
}

impl FromStr for InvitationToken {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        SecretToken::parse(text, PREFIX).map(Self).ok_or(Malformed)
    }
}
