//! The section `[notifier]`.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use usher_runtime::{DatabaseConfig, masked};

/// `[notifier]`: who writes, and how mail leaves. Either `smtp` or `mailbox_directory` is set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the rows are.
    pub database: Option<DatabaseConfig>,
    /// The sender of all mails: `Name <address>`.
    pub from: String,
    /// How many mails are sent at a time. A crash can repeat at most so many.
    pub concurrent_mails: usize,
    /// A folder that takes the place of a mail server; for trying things out.
    pub mailbox_directory: Option<PathBuf>,
    /// The mail server.
    pub smtp: Option<SmtpConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            from: "Usher <no-reply@localhost.localdomain>".to_owned(),
            concurrent_mails: 8,
            mailbox_directory: None,
            smtp: None,
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
