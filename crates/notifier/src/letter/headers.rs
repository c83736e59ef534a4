//! Headers that lettre does not have.

use std::error::Error;

use lettre::Address;
use lettre::message::header::{Header, HeaderName, HeaderValue};

/// Tells other programs not to answer (RFC 3834).
#[derive(Clone)]
pub(super) struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Where the reader's program sends a mail when he wants no more of this (RFC 2369).
#[derive(Clone)]
pub(super) struct ListUnsubscribe(String);

impl ListUnsubscribe {
    /// A mail to `address` that names the one which was too much.
    pub(super) fn to(address: &Address, message_id: &str) -> Self {
        // Ids consist of what may stand in a URL, apart from what is around them.
        let id = message_id.trim_matches(['<', '>']);
        Self(format!("<mailto:{address}?subject=unsubscribe%20{id}>"))
    }
}

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}
