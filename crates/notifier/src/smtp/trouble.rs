//! Why a step of a conversation did not succeed, and what that means for the mail.

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use lettre::transport::smtp;

use crate::mailer::Outcome;

/// Why a step did not succeed.
pub(super) enum Trouble {
    Silence,
    Connection(io::Error),
    Error(smtp::Error),
}

/// Codes of servers that want us to sign in, or not like this: some say so only when it comes to a mail (RFC 4954 §6).
const ABOUT_SIGNING_IN: [u16; 4] = [530, 534, 535, 538];

impl Trouble {
    /// What a refusal of our own address means: the server will refuse it with every mail, until somebody corrects the settings.
    pub(super) fn about_us(self) -> Outcome {
        match self.permanent_code() {
            Some(_) => Outcome::Stopped(self.to_string()),
            None => Outcome::Deferred(self.to_string()),
        }
    }

    /// What a refusal of the recipient means: some servers say clearly that there is no such mailbox (RFC 3463 §3.2).
    pub(super) fn about_the_recipient(self) -> Outcome {
        let unknown = self.words().is_some_and(|words| words.starts_with("5.1.1 "));
        match self.about_the_mail() {
            Outcome::Failed(why) if unknown => Outcome::NoSuchMailbox(why),
            outcome => outcome,
        }
    }

    /// What a step that speaks of the mail means for it.
    pub(super) fn about_the_mail(self) -> Outcome {
        match self.permanent_code() {
            None => Outcome::Deferred(self.to_string()),
            Some(code) if ABOUT_SIGNING_IN.contains(&code) => Outcome::Stopped(self.to_string()),
            Some(_) => Outcome::Failed(self.to_string()),
        }
    }

    /// Whether the server answered, so that the conversation can go on.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Error(error) if error.status().is_some())
    }

    fn permanent_code(&self) -> Option<u16> {
        match self {
            Self::Error(error) if error.is_permanent() => error.status().map(u16::from),
            Self::Error(_) | Self::Connection(_) | Self::Silence => None,
        }
    }

    /// What the server wrote after the code. Never stored, never logged: it may repeat addresses.
    fn words(&self) -> Option<String> {
        match self {
            Self::Error(error) => std::error::Error::source(error).map(ToString::to_string),
            Self::Silence | Self::Connection(_) => None,
        }
    }
}

/// Without what the server wrote, which may repeat addresses.
impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => formatter.write_str("the mail server did not answer in time"),
            Self::Connection(error) => write!(formatter, "the mail server cannot be talked to: {error}"),
            Self::Error(error) => match error.status() {
                Some(code) => write!(formatter, "the mail server answered {code}"),
                None if error.is_response() => {
                    formatter.write_str("the mail server broke off or made no sense")
                }
                None => write!(formatter, "the mail server cannot be talked to: {error}"),
            },
        }
    }
}

impl From<smtp::Error> for Trouble {
    fn from(error: smtp::Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

pub(super) async fn within<T, E: Into<Trouble>>(
    limit: Duration,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, step).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(Trouble::Silence),
    }
}
