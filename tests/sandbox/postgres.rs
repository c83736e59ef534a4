//! A private PostgreSQL server.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use sea_orm::{ConnectOptions, ConnectionTrait as _};

use crate::process::Process;
use crate::{ports, until};

/// A running server. Dropping it ends it.
pub struct Postgres {
    /// The process.
    pub process: Process,
    port: u16,
    data: PathBuf,
}

/// PostgreSQL refuses to run as root; its Debian package makes this user.
const UNPRIVILEGED: &str = "postgres";

/// What the server is told besides its port. Connections: several suites of several processes, each with a pool for each service.
/// Without fsync nothing is lost when the process dies, only when the machine does. Shared memory and sockets leave nothing
/// outside of the folder, however the server ends.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=400",
    "fsync=off",
    "full_page_writes=off",
    "dynamic_shared_memory_type=mmap",
];

impl Postgres {
    /// Makes and starts a server with its files below `folder`.
    pub async fn start(folder: &Path) -> io::Result<Self> {
        let data = folder.join("postgres");
        std::fs::create_dir_all(&data)?;
        initialise(&data)?;
        let port = ports::free();
        let mut server = Self { process: launch(folder, &data, port)?, port, data };
        let url = server.url("postgres");
        until("PostgreSQL answers", || {
            server.process.assert_alive();
            answers(url.clone())
        })
        .await;
        Ok(server)
    }

    /// Starts the server again on the same files, after it was ended. After a crash its first attempts may find the old
    /// server's last processes still there, and end.
    pub async fn restart(&mut self, folder: &Path) -> io::Result<()> {
        let url = self.url("postgres");
        until("PostgreSQL answers again", || {
            if self.process.obituary().is_some() {
                self.process = launch(folder, &self.data, self.port).expect("it started before");
            }
            answers(url.clone())
        })
        .await;
        Ok(())
    }

    /// The URL of a database on this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// Makes a database on the server at `admin_url` and returns its URL.
pub async fn create_database(admin_url: &str, name: &str) -> String {
    let admin = sea_orm::Database::connect(admin_url).await.expect("the server must answer");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("the database must be new");
    let (server, _) = admin_url.rsplit_once('/').expect("the URL must name a database");
    format!("{server}/{name}")
}

fn initialise(data: &Path) -> io::Result<()> {
    let mut initdb = Command::new("setpriv");
    if let Some(user) = user() {
        let owned = Command::new("chown").arg(user).arg(data).status()?;
        assert!(owned.success(), "{} cannot be given to {user}", data.display());
        initdb.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"]);
    }
    let initdb = initdb
        .arg(binary("initdb")?)
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
        .arg(data)
        .output()?;
    assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
    Ok(())
}

async fn answers(url: String) -> Option<()> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .connect_timeout(Duration::from_secs(1))
        .acquire_timeout(Duration::from_secs(1));
    let connection = sea_orm::Database::connect(options).await.ok()?;
    connection.close().await.ok()
}

fn user() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some(UNPRIVILEGED)
}

fn launch(folder: &Path, data: &Path, port: u16) -> io::Result<Process> {
    let binary = binary("postgres")?;
    let (binary, data) = (binary.to_string_lossy(), data.to_string_lossy());
    let port = format!("port={port}");
    let mut program = vec![&*binary, "-D", &*data, "-c", &port];
    for setting in SETTINGS {
        program.extend(["-c", setting]);
    }
    // SIGINT is the fast shutdown: it does not wait for clients to go.
    Ok(Process::start(folder, "postgres", user(), &program)?.ended_by(Signal::SIGINT))
}

/// The newest installed server's program; Debian keeps it out of the PATH.
fn binary(name: &str) -> io::Result<PathBuf> {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql")?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    versions.sort();
    let found =
        versions.into_iter().rev().map(|version| version.join("bin").join(name)).find(|path| path.exists());
    found.ok_or_else(|| io::Error::other(format!("PostgreSQL's {name} is not installed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn comes_back_on_the_same_files_after_a_crash() {
        let folder = std::env::temp_dir().join(format!("usher-postgres-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let mut server = Postgres::start(&folder).await.unwrap();
        let url = create_database(&server.url("postgres"), "kept").await;
        // Its process of the server outlives the crash for a moment.
        let _client = sea_orm::Database::connect(&url).await.unwrap();
        server.process.crash();
        assert!(answers(url.clone()).await.is_none());
        server.restart(&folder).await.unwrap();
        assert!(answers(url).await.is_some());
        drop(server);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
