//! Why a command fails. Each message says what to change.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use sea_orm::DbErr;

use crate::config;
use crate::service::Service;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Settings are missing, wrong or contradict each other: all of them, by name and, if they were read, with their place.
    #[error("the configuration does not work:\n  - {}", .0.join("\n  - "))]
    Settings(Vec<String>),
    /// A database does not work, or did not answer for as long as start-up waits.
    #[error("{}.database: {what}", .service.name())]
    Database {
        /// Whose.
        service: Service,
        /// What it says.
        what: String,
    },
    /// Databases lack migrations.
    #[error("the schema is behind; run `usher migrate` with the same configuration:\n  - {}", .0.join("\n  - "))]
    SchemaBehind(Vec<String>),
    /// The server cannot listen.
    #[error("server.address: cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something else that a sentence tells.
    #[error("{0}")]
    Other(String),
}

impl Trouble {
    /// What happened to the file at `path`.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// What the database of `service` says.
    pub fn database(service: Service) -> impl FnOnce(DbErr) -> Self {
        move |error| Self::Database { service, what: error.to_string() }
    }

    /// One setting that does not work.
    pub fn setting(what: impl Into<String>) -> Self {
        Self::Settings(vec![what.into()])
    }
}

impl From<figment::Error> for Trouble {
    fn from(error: figment::Error) -> Self {
        Self::Settings(error.into_iter().map(|error| settings_error(&error)).collect())
    }
}

/// What is wrong with which setting, and where that was read.
fn settings_error(error: &figment::Error) -> String {
    let (name, what) = (error.path.join("."), &error.kind);
    let place = match error.metadata.as_ref().map(|metadata| metadata.source.as_ref()) {
        Some(Some(file)) => format!(" ({file})"),
        Some(None) => format!(" (environment variable {})", config::variable(&error.path)),
        None => String::new(),
    };
    if name.is_empty() { format!("{what}{place}") } else { format!("{name}: {what}{place}") }
}
