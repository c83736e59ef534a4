//! How mail leaves: to a mail server, or into a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::Message;

use crate::config::Config;
use crate::entity::delivery::Model;
use crate::smtp::Smtp;
use crate::warrant::Warrant;

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The mail server took it.
    Sent,
    /// Try again later.
    Deferred(String),
    /// Never try again.
    Failed(String),
    /// Never try again: there is no such mailbox.
    NoSuchMailbox(String),
    /// The address gets no mail.
    Suppressed(String),
    /// There is nothing to send any more.
    Skipped(String),
    /// No mail can be sent at the moment: the server does not answer, or does not let us in. This one is not the cause.
    Stopped(String),
    /// Others go first. As many mails as may go to this domain at a time are going there, if there is one; or none leave at the moment.
    NotItsTurn(Option<Vec<u8>>),
}

/// The way out.
#[derive(Clone)]
pub(crate) enum Mailer {
    Smtp(Arc<Smtp>),
    Mailbox(PathBuf),
}

impl Mailer {
    /// The way out that `config` names, for mails from addresses in `domain`.
    ///
    /// # Errors
    /// The setting that is missing or contradicts another.
    pub(crate) fn new(config: &Config, domain: &str) -> Result<Self, String> {
        match (&config.smtp, &config.mailbox_directory) {
            (Some(smtp), None) => Ok(Self::Smtp(Arc::new(Smtp::new(smtp, domain)?))),
            (None, Some(directory)) => Ok(Self::Mailbox(directory.clone())),
            (None, None) => Err("notifier.smtp.host is not set (nor notifier.mailbox_directory)".to_owned()),
            (Some(_), Some(_)) => {
                Err("notifier.smtp and notifier.mailbox_directory exclude each other".to_owned())
            }
        }
    }

    /// Gives back what nobody needed for a while.
    pub(crate) fn tidy(&self) {
        match self {
            Self::Smtp(server) => server.tidy(),
            Self::Mailbox(_) => {}
        }
    }

    /// Hands `letter` over if it still may leave when it comes to that.
    pub(crate) async fn send(&self, letter: &Message, delivery: &Model, warrant: &Warrant) -> Outcome {
        let directory = match self {
            Self::Smtp(server) => return server.send(letter, warrant).await,
            Self::Mailbox(directory) => directory,
        };
        if let Err(outcome) = warrant.check().await {
            return outcome;
        }
        match keep(directory, letter, delivery).await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::Stopped(format!("the mailbox directory cannot be written: {error}")),
        }
    }
}

/// Writes the letter as a file. Under another name first, so that nobody reads half of it.
async fn keep(directory: &Path, letter: &Message, delivery: &Model) -> std::io::Result<()> {
    let recipient = letter.envelope().to().first().map(ToString::to_string).unwrap_or_default();
    let folder = directory.join(folder_name(&recipient));
    // Only for the owner: whoever reads a letter can accept the invitation.
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).await?;
    let name = format!("{}-{}", delivery.id, delivery.attempts);
    let unfinished = folder.join(format!("{name}.part"));
    tokio::fs::write(&unfinished, letter.formatted()).await?;
    tokio::fs::rename(unfinished, folder.join(format!("{name}.eml"))).await
}

/// An address as the name of a folder: in lower case, with nothing that means something to a file system. The `@` of an
/// address keeps the name from being `..`.
fn folder_name(address: &str) -> String {
    let mut name = String::new();
    for byte in address.to_lowercase().bytes() {
        if byte.is_ascii_alphanumeric() || b"@._+-".contains(&byte) {
            name.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Patience, SmtpConfig, Tls};

    #[test]
    fn one_way_out_must_be_named() {
        let smtp = SmtpConfig {
            host: "127.0.0.1".to_owned(),
            port: None,
            tls: Tls::None,
            username: None,
            password: None,
            password_file: None,
            authority_file: None,
            patience: Patience::default(),
        };
        let config = |smtp, directory: Option<&str>| Config {
            smtp,
            mailbox_directory: directory.map(PathBuf::from),
            ..Config::default()
        };
        let refused = |config: &Config| Mailer::new(config, "usher.test").err().unwrap();
        assert!(refused(&config(None, None)).contains("notifier.smtp.host"));
        assert!(refused(&config(Some(smtp.clone()), Some("mails"))).contains("notifier.mailbox_directory"));
        assert!(Mailer::new(&config(Some(smtp), None), "usher.test").is_ok());
        assert!(Mailer::new(&config(None, Some("mails")), "usher.test").is_ok());
    }

    #[test]
    fn addresses_stay_within_the_mailbox() {
        assert_eq!(folder_name("Mira@Example.COM"), "mira@example.com");
        assert_eq!(folder_name("../a/b@x.example"), "..%2Fa%2Fb@x.example");
        assert_eq!(folder_name("zoë@x.example"), "zo%C3%AB@x.example");
    }
}
