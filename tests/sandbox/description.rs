//! What tests are told about the suite that they run against.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which databases the services are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    /// A file for each service.
    Sqlite,
    /// A database for each service on one server.
    Postgres,
}

/// How the services are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// All in one process, with the event bus in it.
    Together,
    /// One process for each, with NATS between them.
    Apart,
}

/// The services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Service {
    Identity,
    Community,
    Invitation,
    Notifier,
}

impl Service {
    /// All, in the order of their dependencies.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Community, Self::Invitation, Self::Notifier];

    /// Its name on the command line, in tokens and in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Community => "community",
            Self::Invitation => "invitation",
            Self::Notifier => "notifier",
        }
    }
}

/// A running suite.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Which databases.
    pub database: Database,
    /// Which topology.
    pub topology: Topology,
    /// Where all its files are: `<service>-<replica>.toml` and `.log` of each process, logs of servers, `keys`.
    pub folder: PathBuf,
    /// The addresses of the replicas of each service, `http://127.0.0.1:…`.
    pub endpoints: BTreeMap<Service, Vec<String>>,
    /// The URL of each service's database.
    pub databases: BTreeMap<Service, String>,
    /// The PostgreSQL server, if there is one: the URL of its database `postgres`.
    pub postgres_url: Option<String>,
    /// The NATS server, if there is one.
    pub nats_url: Option<String>,
    /// Holds `<recipient>/<n>.eml`.
    pub mailbox: PathBuf,
    /// The private key of the issuer `usher/tests`, which is trusted to speak for every service and for `alerts`.
    pub tests_key: PathBuf,
    /// The platform administrator's address.
    pub admin_email: String,
    /// The platform administrator's password.
    pub admin_password: String,
}

/// The environment variable that names the file with the [`Description`].
pub const VARIABLE: &str = "USHER_SANDBOX";

/// The suite that the tests run against.
///
/// # Panics
/// If the tests were not started by `tests/run` or the program `sandbox`.
pub fn current() -> &'static Description {
    static CURRENT: LazyLock<Description> = LazyLock::new(|| {
        let file =
            std::env::var(VARIABLE).expect("run the suite by `tests/run suite`, which starts the services");
        let text = std::fs::read_to_string(file).expect("the description must be readable");
        serde_json::from_str(&text).expect("the description must parse")
    });
    &CURRENT
}
