//! How mail leaves: to a mail server, or into a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as LettreTls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Config, SmtpConfig, Tls};
use crate::entity::Model;

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The mail server took it.
    Sent,
    /// Try again later.
    Deferred(String),
    /// Never try again.
    Failed(String),
    /// There is nothing to send any more.
    Skipped(String),
}

/// The way out.
#[derive(Clone)]
pub(crate) enum Mailer {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Mailbox(PathBuf),
}

/// For each step of the conversation. The server has 10 minutes for its last word (RFC 5321 §4.5.3.2.6); giving up before it
/// makes copies.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(10);

impl Mailer {
    /// The way out that `config` names.
    ///
    /// # Errors
    /// The setting that is missing or contradicts another.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        match (&config.smtp, &config.mailbox_directory) {
            (Some(smtp), None) => Ok(Self::Smtp(transport(smtp, config.concurrent_mails)?)),
            (None, Some(directory)) => Ok(Self::Mailbox(directory.clone())),
            (None, None) => Err("notifier.smtp.host is not set (nor notifier.mailbox_directory)".to_owned()),
            (Some(_), Some(_)) => {
                Err("notifier.smtp and notifier.mailbox_directory exclude each other".to_owned())
            }
        }
    }

    /// Hands `letter` over.
    pub(crate) async fn send(&self, letter: Message, delivery: &Model) -> Outcome {
        match self {
            Self::Smtp(transport) => match transport.send(letter).await {
                Ok(_) => Outcome::Sent,
                Err(error) if error.is_permanent() => Outcome::Failed(reason(&error)),
                // No answer, no encryption, no sign-in, "later": none of it is the letter's fault.
                Err(error) => Outcome::Deferred(reason(&error)),
            },
            Self::Mailbox(directory) => match keep(directory, &letter, delivery).await {
                Ok(()) => Outcome::Sent,
                Err(error) => Outcome::Deferred(format!("the mailbox directory cannot be written: {error}")),
            },
        }
    }
}

fn transport(config: &SmtpConfig, connections: usize) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let parameters =
        || TlsParameters::new(config.host.clone()).map_err(|error| format!("notifier.smtp.host: {error}"));
    let (tls, usual_port) = match config.tls {
        Tls::StartTls => (LettreTls::Required(parameters()?), 587),
        Tls::Implicit => (LettreTls::Wrapper(parameters()?), 465),
        Tls::None if is_loopback(&config.host) => (LettreTls::None, 25),
        Tls::None => {
            return Err(format!(
                "notifier.smtp.tls: `none` is for a server on this machine, not for {}",
                config.host
            ));
        }
    };
    let pool = PoolConfig::new().max_size(u32::try_from(connections).unwrap_or(u32::MAX));
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
        .port(config.port.unwrap_or(usual_port))
        .tls(tls)
        .timeout(Some(COMMAND_TIMEOUT))
        .pool_config(pool);
    Ok(match credentials(config)? {
        Some(credentials) => builder.credentials(credentials).build(),
        None => builder.build(),
    })
}

fn credentials(config: &SmtpConfig) -> Result<Option<Credentials>, String> {
    let password = match (&config.password, &config.password_file) {
        (Some(password), None) => Some(password.clone()),
        (None, Some(file)) => Some(read_password(file)?),
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(
                "notifier.smtp.password and notifier.smtp.password_file exclude each other".to_owned()
            );
        }
    };
    match (&config.username, password) {
        (Some(username), Some(password)) => {
            Ok(Some(Credentials::new(username.clone(), password.expose_secret().to_owned())))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err("notifier.smtp.password is not set, but notifier.smtp.username is".to_owned()),
        (None, Some(_)) => Err("notifier.smtp.username is not set, but notifier.smtp.password is".to_owned()),
    }
}

fn read_password(file: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("notifier.smtp.password_file: {}: {error}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// What the mail server said, without the addresses that such answers repeat.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    if let Some(code) = error.status() {
        return format!("the mail server answered {code}");
    }
    let kind = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_tls() {
        "could not be spoken to in private"
    } else {
        "could not be reached"
    };
    format!("the mail server {kind}")
}

/// Writes the letter as a file. Under another name first, so that nobody reads half of it.
async fn keep(directory: &Path, letter: &Message, delivery: &Model) -> std::io::Result<()> {
    let recipient = letter.envelope().to().first().map(ToString::to_string).unwrap_or_default();
    let folder = directory.join(folder_name(&recipient));
    tokio::fs::create_dir_all(&folder).await?;
    let name = format!("{}-{}", delivery.id, delivery.attempts);
    let unfinished = folder.join(format!("{name}.part"));
    tokio::fs::write(&unfinished, letter.formatted()).await?;
    tokio::fs::rename(unfinished, folder.join(format!("{name}.eml"))).await
}

/// An address as the name of a folder: in lower case, with nothing that means something to a file system.
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

    fn smtp(host: &str, tls: Tls) -> SmtpConfig {
        SmtpConfig {
            host: host.to_owned(),
            port: None,
            tls,
            username: None,
            password: None,
            password_file: None,
        }
    }

    #[tokio::test]
    async fn mail_does_not_leave_the_machine_in_the_clear() {
        assert!(transport(&smtp("127.0.0.1", Tls::None), 1).is_ok());
        let refused = transport(&smtp("mail.example", Tls::None), 1).err().unwrap();
        assert!(refused.starts_with("notifier.smtp.tls"));
        assert!(transport(&smtp("mail.example", Tls::StartTls), 1).is_ok());
    }

    #[test]
    fn one_way_out_must_be_named() {
        let neither = Config::default();
        assert!(Mailer::new(&neither).err().unwrap().contains("notifier.smtp.host"));
        let both = Config {
            smtp: Some(smtp("127.0.0.1", Tls::None)),
            mailbox_directory: Some("mails".into()),
            ..Config::default()
        };
        assert!(Mailer::new(&both).is_err());
    }

    #[test]
    fn a_password_needs_a_name_and_a_name_a_password() {
        let half = SmtpConfig { username: Some("usher".to_owned()), ..smtp("mail.example", Tls::StartTls) };
        assert!(transport(&half, 1).err().unwrap().contains("notifier.smtp.password"));
    }

    #[test]
    fn addresses_stay_within_the_mailbox() {
        assert_eq!(folder_name("Mira@Example.COM"), "mira@example.com");
        assert_eq!(folder_name("../a/b@x.example"), "..%2Fa%2Fb@x.example");
    }
}
