//! Processes of the sandbox: begun with a log file, ended by their id, and ended with us.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running process. Dropping it ends it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// What ends the process at once but orderly: SIGTERM, or what PostgreSQL calls a fast shutdown.
    end: Signal,
}

/// How long a process may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(20);

impl Process {
    /// Runs `program` with its output in `<folder>/<name>.log`. `as_user` runs it as somebody else, for servers that refuse to
    /// be root. It dies with us, however we die.
    pub fn start(folder: &Path, name: &str, as_user: Option<&str>, program: &[&str]) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new("setpriv");
        if let Some(user) = as_user {
            command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"]);
        }
        command.args(["--pdeathsig", "KILL", "--"]).args(program);
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        Ok(Self { name: name.to_owned(), child, log, end: Signal::SIGTERM })
    }

    /// The same process, ended by `signal`.
    #[must_use]
    pub fn ended_by(mut self, signal: Signal) -> Self {
        self.end = signal;
        self
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the process wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// # Panics
    /// If the process has ended, with the end of its log.
    pub fn assert_alive(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            let log = self.log();
            let end: Vec<&str> = log.lines().rev().take(20).collect();
            let end: Vec<&str> = end.into_iter().rev().collect();
            panic!("{} ended ({status}):\n{}", self.name, end.join("\n"));
        }
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) {
        // Fails only if the process is gone.
        let _ = kill(self.pid(), signal);
    }

    /// Ends the process without giving it a chance to do anything, as a crash does.
    pub fn crash(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// Ends the process orderly and returns how it ended.
    pub fn stop(&mut self) -> Option<std::process::ExitStatus> {
        self.signal(self.end);
        let begun = Instant::now();
        while begun.elapsed() < GRACE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.crash();
        None
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}
