//! A private NATS server with JetStream on files.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::{ports, until};

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

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
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

/// Whether the server greets with what it can, JetStream among it.
async fn greets(port: u16) -> Option<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let greeting = BufReader::new(stream).lines().next_line().await.ok()??;
    greeting.contains("\"jetstream\":true").then_some(())
}

fn launch(folder: &Path, port: u16) -> io::Result<Process> {
    let files = folder.join("nats");
    let (files, port) = (files.to_string_lossy(), port.to_string());
    let program =
        ["nats-server", "--addr", "127.0.0.1", "--port", &port, "--jetstream", "--store_dir", &files];
    Process::start(folder, "nats", None, &program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_streams_over_a_crash() {
        let folder = std::env::temp_dir().join(format!("usher-nats-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let mut server = Nats::start(&folder).await.unwrap();
        let client = async_nats::connect(server.url()).await.unwrap();
        async_nats::jetstream::new(client).create_stream("kept").await.unwrap();
        server.process.crash();
        server.restart().await.unwrap();
        let client = async_nats::connect(server.url()).await.unwrap();
        assert!(async_nats::jetstream::new(client).get_stream("kept").await.is_ok());
        drop(server);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
