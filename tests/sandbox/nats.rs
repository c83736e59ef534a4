//! A private NATS server with JetStream on files.

use std::io;
use std::path::{Path, PathBuf};

use async_nats::{ConnectOptions, ServerAddr};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::{Service, ports, until};

/// What each service may do there, as operators deploy it.
const ACCOUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nats/nats-server.conf");

/// A running server. Dropping it ends it.
pub struct Nats {
    /// The process.
    pub process: Process,
    folder: PathBuf,
    port: u16,
}

impl Nats {
    /// Starts a server with its files below `folder`.
    pub async fn start(folder: &Path) -> io::Result<Self> {
        let port = ports::free();
        let mut server = Self { process: launch(folder, port)?, folder: folder.to_owned(), port };
        server.ready().await;
        Ok(server)
    }

    /// Starts the server again on the same files, after it was ended.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.process = launch(&self.folder, self.port)?;
        self.ready().await;
        Ok(())
    }

    /// Where it is, for somebody who may do everything.
    pub fn url(&self) -> String {
        url("operator", self.port)
    }

    /// Loses everything that the server had stored. It must have been ended.
    pub fn wipe(&self) -> io::Result<()> {
        std::fs::remove_dir_all(self.folder.join("nats"))
    }

    async fn ready(&mut self) {
        let port = self.port;
        until("NATS answers", || {
            self.process.assert_alive();
            greets(port)
        })
        .await;
    }
}

/// The URL for `account`, whose password is made of its name.
fn url(account: &str, port: u16) -> String {
    format!("nats://{account}:{}@127.0.0.1:{port}", password(account))
}

/// A connection with the account in `url`, which hears answers where a service of the same name does.
pub async fn connect(url: &str) -> Result<async_nats::Client, async_nats::ConnectError> {
    let server: ServerAddr = url.parse().expect("the URL is one of NATS");
    let (user, password) = (server.username().unwrap_or_default(), server.password().unwrap_or_default());
    ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        .custom_inbox_prefix(format!("_INBOX.{user}"))
        .connect(server)
        .await
}

fn password(account: &str) -> String {
    format!("{account}-secret")
}

/// The URL of the same server for the account of a service.
pub fn url_for(service: Service, operator: &str) -> String {
    let (service, port) = (service.name(), operator.rsplit(':').next().and_then(|port| port.parse().ok()));
    url(service, port.expect("the URL ends in a port"))
}

/// Whether the server greets with what it can, JetStream among it.
async fn greets(port: u16) -> Option<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let greeting = BufReader::new(stream).lines().next_line().await.ok()??;
    greeting.contains("\"jetstream\":true").then_some(())
}

fn launch(folder: &Path, port: u16) -> io::Result<Process> {
    let files = folder.join("nats");
    let (files, port) = (files.to_string_lossy(), port.to_string());
    let mut program = vec!["env".to_owned()];
    for account in Service::ALL.map(Service::name).iter().chain(&["operator"]) {
        program.push(format!("NATS_{}_PASSWORD={}", account.to_uppercase(), password(account)));
    }
    let server = [
        "nats-server",
        "--config",
        ACCOUNTS,
        "--addr",
        "127.0.0.1",
        "--port",
        &port,
        "--jetstream",
        "--store_dir",
        &files,
    ];
    program.extend(server.map(str::to_owned));
    Process::start(folder, "nats", None, &program.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_streams_over_a_crash() {
        let folder = std::env::temp_dir().join(format!("usher-nats-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let mut server = Nats::start(&folder).await.unwrap();
        let client = connect(&server.url()).await.unwrap();
        async_nats::jetstream::new(client).create_stream("kept").await.unwrap();
        server.process.crash();
        server.restart().await.unwrap();
        let client = connect(&server.url()).await.unwrap();
        assert!(async_nats::jetstream::new(client).get_stream("kept").await.is_ok());
        drop(server);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
