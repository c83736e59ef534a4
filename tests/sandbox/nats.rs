//! A private NATS server with JetStream on files.

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

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
        let server = Self { process: launch(folder, port)?, folder: folder.to_owned(), port };
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

    async fn ready(&self) {
        until("NATS answers", || async { TcpStream::connect(("127.0.0.1", self.port)).ok() }).await;
    }
}

fn launch(folder: &Path, port: u16) -> io::Result<Process> {
    let files = folder.join("nats");
    let (files, port) = (files.to_string_lossy(), port.to_string());
    let program = ["nats-server", "--addr", "127.0.0.1", "--port", &port, "--jetstream", "--store_dir", &files];
    Process::start(folder, "nats", None, &program)
}
