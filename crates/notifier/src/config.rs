//! The section `[notifier]`.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use usher_runtime::{DatabaseConfig, masked};

/// `[notifier]`: who writes, and how mail leaves. Either `smtp` or `mailbox_directory` is set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the rows are.
    pub database: Option<DatabaseConfig>,
    /// The sender of all mails: `Name <address>`. A mail server needs one; `mailbox_directory` does without.
    pub from: Option<String>,
    /// The language of mails to people of whom none is known, or none that there are templates in.
    pub default_locale: String,
    /// A folder with templates that take the place of the built-in ones of the same names: `mail.mjml`, `mail.txt`,
    /// `en/invitation.jinja` and so on. A further folder such as `nl` with all files of words adds a language.
    /// `usher mail preview` shows them.
    pub templates_directory: Option<PathBuf>,
    /// Whether inviters are mailed when somebody accepts. That an invitation did not arrive they are told anyway.
    pub mail_acceptances: bool,
    /// An address for those who want no more invitations. With it, invitations and reminders bear `List-Unsubscribe`; whoever
    /// reads its mail puts the senders on the list of suppressed addresses. Mails about a reader's own account never bear it.
    pub unsubscribe_address: Option<String>,
    /// The signature of mails. Absent: they are not signed here.
    pub dkim: Option<DkimConfig>,
    /// How many mails a process sends at a time, at least 1. A crash can repeat at most so many.
    pub concurrent_mails: u32,
    /// How many of them go to one domain at a time, at least 1.
    pub concurrent_mails_per_domain: u32,
    /// How long a process that died keeps others from the mails that it was about to send. One that lives renews it.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// How long a mail waits that could not be handed over, before it is tried again. Later waits are 2, 5, 15 and 30 times as long.
    #[serde(with = "humantime_serde")]
    pub retry_delay: Duration,
    /// How long nothing more is sent to an address of which a mail server said that there is no such mailbox. 0: it is tried
    /// again at the next occasion.
    #[serde(with = "humantime_serde")]
    pub unknown_mailbox_pause: Duration,
    /// A folder that takes the place of a mail server; for trying things out.
    pub mailbox_directory: Option<PathBuf>,
    /// The mail server.
    pub smtp: Option<SmtpConfig>,
    /// Endpoints of communities.
    pub webhooks: WebhooksConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            from: None,
            default_locale: "en".to_owned(),
            templates_directory: None,
            mail_acceptances: false,
            unsubscribe_address: None,
            dkim: None,
            concurrent_mails: 8,
            concurrent_mails_per_domain: 4,
            lease: Duration::from_mins(2),
            retry_delay: Duration::from_mins(1),
            unknown_mailbox_pause: Duration::from_hours(24),
            mailbox_directory: None,
            smtp: None,
            webhooks: WebhooksConfig::default(),
        }
    }
}

/// Who writes where no mail server asks.
const NOBODY: &str = "Usher <no-reply@localhost.localdomain>";

impl Config {
    /// The sender of all mails.
    ///
    /// # Errors
    /// The setting, if it is missing or not a mailbox.
    pub(crate) fn sender(&self) -> Result<Mailbox, String> {
        let from = match (&self.from, &self.smtp) {
            (Some(from), _) => from,
            (None, None) => NOBODY,
            (None, Some(_)) => return Err("notifier.from is not set".to_owned()),
        };
        from.parse().map_err(|error| format!("notifier.from: `{from}` is not `Name <address>`: {error}"))
    }
}

/// `[notifier.dkim]`: the signature of mails (RFC 6376).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DkimConfig {
    /// The name under which the DNS has the public key: `{selector}._domainkey.{domain}`.
    pub selector: String,
    /// The domain that signs. Absent: that of `notifier.from`.
    pub domain: Option<String>,
    /// A file with the private key: RSA in PKCS#1, or Ed25519 in PKCS#8.
    pub private_key_file: PathBuf,
}

/// `[notifier.webhooks]`: endpoints of communities that are told of events.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Whether endpoints may have private addresses, this machine's among them, and be called by plain HTTP. For development, and
    /// where all who may make webhooks are trusted with the network of the notifier.
    pub allow_private: bool,
    /// A file of PEM certificates: authorities that endpoints may be vouched for by, besides the public ones.
    pub authority_file: Option<PathBuf>,
    /// How many deliveries a process makes at a time, at least 1.
    pub concurrent_deliveries: u32,
    /// How many of them go to one webhook at a time, at least 1.
    pub concurrent_deliveries_per_webhook: u32,
    /// A webhook is disabled when no attempt has succeeded for so long.
    #[serde(with = "humantime_serde")]
    pub disable_after: Duration,
    /// How long deliveries are kept after they ended.
    #[serde(with = "humantime_serde")]
    pub keep_deliveries: Duration,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            allow_private: false,
            authority_file: None,
            concurrent_deliveries: 16,
            concurrent_deliveries_per_webhook: 4,
            disable_after: Duration::from_hours(5 * 24),
            keep_deliveries: Duration::from_hours(30 * 24),
        }
    }
}

/// `[notifier.smtp]`: the mail server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its host name, which its certificate must bear.
    pub host: String,
    /// Its port. Absent: 587 with STARTTLS, 465 with implicit TLS, 25 without.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// Who signs in. Absent: nobody does.
    pub username: Option<String>,
    /// With which password.
    #[serde(default, serialize_with = "masked::secret")]
    pub password: Option<SecretString>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// A file with the certificates, in PEM, of those who vouch for the server besides the public authorities.
    pub authority_file: Option<PathBuf>,
    /// How long it may take.
    #[serde(default)]
    pub patience: Patience,
}

/// `[notifier.smtp.patience]`: how long the mail server may take for each step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patience {
    /// For an address of the server to answer.
    #[serde(with = "humantime_serde")]
    pub connection: Duration,
    /// For everything up to the first command about a mail. A server may take 5 minutes to greet (RFC 5321 §4.5.3.2.1).
    #[serde(with = "humantime_serde")]
    pub greeting: Duration,
    /// For each command about a mail (§4.5.3.2.2 to 4).
    #[serde(with = "humantime_serde")]
    pub command: Duration,
    /// For the mail itself and the server's last word, which may take 10 minutes (§4.5.3.2.6). Giving up before it makes copies.
    #[serde(with = "humantime_serde")]
    pub last_word: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connection: Duration::from_secs(30),
            greeting: Duration::from_mins(6),
            command: Duration::from_mins(5),
            last_word: Duration::from_mins(13),
        }
    }
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Not at all. Only for a server on this machine.
    None,
    /// In the clear at first, then encrypted; refused if the server cannot.
    #[default]
    StartTls,
    /// From the first byte.
    Implicit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_through_a_server_have_a_sender() {
        let server = SmtpConfig {
            host: "mail.example".to_owned(),
            port: None,
            tls: Tls::StartTls,
            username: None,
            password: None,
            password_file: None,
            authority_file: None,
            patience: Patience::default(),
        };
        let config =
            |from: Option<&str>, smtp| Config { from: from.map(str::to_owned), smtp, ..Config::default() };
        assert!(config(None, None).sender().is_ok());
        assert_eq!(config(None, Some(server.clone())).sender().unwrap_err(), "notifier.from is not set");
        assert!(config(Some("no address"), None).sender().unwrap_err().starts_with("notifier.from"));
        let sender = config(Some("Usher <no-reply@usher.test>"), Some(server)).sender().unwrap();
        assert_eq!(sender.email.domain(), "usher.test");
    }
}
