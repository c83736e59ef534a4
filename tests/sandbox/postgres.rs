//! A private PostgreSQL server.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use sea_orm::ConnectionTrait as _;

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

impl Postgres {
    /// Makes and starts a server with its files below `folder`.
    pub async fn start(folder: &Path) -> io::Result<Self> {
        let data = folder.join("postgres");
        std::fs::create_dir_all(&data)?;
        let mut initdb = Command::new("setpriv");
        if let Some(user) = user() {
            let owned = Command::new("chown").arg(user).arg(&data).status()?;
            assert!(owned.success(), "{} cannot be given to {user}", data.display());
            initdb.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"]);
        }
        let initdb = initdb
            .arg(binary("initdb")?)
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()?;
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let port = ports::free();
        let server = Self { process: launch(folder, &data, port)?, port, data };
        server.ready().await;
        Ok(server)
    }

    /// Starts the server again on the same files, after it was ended.
    pub async fn restart(&mut self, folder: &Path) -> io::Result<()> {
        self.process = launch(folder, &self.data, self.port)?;
        self.ready().await;
        Ok(())
    }

    /// The URL of a database on this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    async fn ready(&self) {
        until("PostgreSQL answers", || async { sea_orm::Database::connect(self.url("postgres")).await.ok() }).await;
    }
}

/// Makes a database on the server at `admin_url` and returns its URL.
pub async fn create_database(admin_url: &str, name: &str) -> String {
    let admin = sea_orm::Database::connect(admin_url).await.expect("the server must answer");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("the database must be new");
    let (server, _) = admin_url.rsplit_once('/').expect("the URL must name a database");
    format!("{server}/{name}")
}

fn user() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some(UNPRIVILEGED)
}

fn launch(folder: &Path, data: &Path, port: u16) -> io::Result<Process> {
    let binary = binary("postgres")?;
    let (binary, data) = (binary.to_string_lossy(), data.to_string_lossy());
    let port = format!("port={port}");
    let sockets = format!("unix_socket_directories={data}");
    let settings = ["listen_addresses=127.0.0.1", &port, &sockets, "max_connections=400", "fsync=off"];
    let mut program = vec![&*binary, "-D", &*data];
    for setting in &settings {
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
    let found = versions.into_iter().rev().map(|version| version.join("bin").join(name)).find(|path| path.exists());
    found.ok_or_else(|| io::Error::other(format!("PostgreSQL's {name} is not installed")))
}
