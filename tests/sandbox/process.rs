//! Processes of the sandbox: begun with a log file, ended by their id, and ended with us.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running process. Dropping it ends it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// What ends the process orderly: SIGTERM, or what PostgreSQL calls a fast shutdown.
    end: Signal,
}

/// How long a process may take to end before it is killed: above the time that the program gives its calls and its background
/// tasks together.
const GRACE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(10);
/// How much of a log says what went wrong.
const LAST_LINES: usize = 20;

impl Process {
    /// Runs `program` with its output in `<folder>/<name>.log`. `as_user` runs it as somebody else, for servers that refuse to
    /// be root. It dies with the thread that starts it, however that ends; and it is in a process group of its own, so that a
    /// Ctrl-C ends us, who then end it orderly.
    pub fn start(folder: &Path, name: &str, as_user: Option<&str>, program: &[&str]) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new("setpriv");
        if let Some(user) = as_user {
            command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"]);
        }
        command.args(["--pdeathsig", "KILL", "--"]).args(program);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        Ok(Self { name: name.to_owned(), child: command.spawn()?, log, end: Signal::SIGTERM })
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

    /// How the process ended by itself, with the end of its log. `None` if it runs.
    pub fn obituary(&mut self) -> Option<String> {
        let Ok(Some(status)) = self.child.try_wait() else { return None };
        Some(format!("{} ended ({status}):\n{}", self.name, self.last_lines()))
    }

    /// # Panics
    /// If the process has ended, with the end of its log.
    pub fn assert_alive(&mut self) {
        if let Some(obituary) = self.obituary() {
            panic!("{obituary}");
        }
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) {
        // Fails only if the process is gone.
        let _ = kill(self.pid(), signal);
    }

    /// Tells the process to end orderly, without waiting for it.
    pub fn tell_to_end(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(self.end);
        }
    }

    /// Ends the process without giving it a chance to do anything, as a crash does.
    pub fn crash(&mut self) {
        // Fails only if the process is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends the process orderly and returns how it ended; `None` if it did not end in time and was killed.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.tell_to_end();
        self.ended()
    }

    /// As [`Process::stop`], of a process that was told to end.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < GRACE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(INTERVAL);
        }
        self.crash();
        None
    }

    /// As [`Process::ended`], told in words. `None` if it went well.
    pub fn farewell(&mut self) -> Option<String> {
        match self.ended() {
            Some(status) if status.success() => None,
            Some(_) => self.obituary(),
            None => Some(format!("{} did not end within {GRACE:?}:\n{}", self.name, self.last_lines())),
        }
    }

    /// What the process wrote about panics.
    pub fn panics(&self) -> Vec<String> {
        let log = self.log();
        let panics = log.lines().filter(|line| line.contains("panicked at"));
        panics.map(|line| format!("{}: {line}", self.name)).collect()
    }

    fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("usher-process-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn ends_orderly_and_keeps_what_was_written() {
        let folder = folder();
        let script = "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.01; done";
        let mut process = Process::start(&folder, "patient", None, &["bash", "-c", script]).unwrap();
        while !process.log().contains("hello") {
            std::thread::sleep(INTERVAL);
        }
        assert_eq!(process.obituary(), None);
        assert!(process.stop().unwrap().success());
        assert_eq!(process.log(), "hello\nbye\n");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn tells_how_it_ended_by_itself() {
        let folder = folder();
        let mut process = Process::start(&folder, "brief", None, &["sh", "-c", "echo no; exit 3"]).unwrap();
        process.ended();
        assert_eq!(process.obituary().unwrap(), "brief ended (exit status: 3):\nno");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn dies_with_the_thread_that_started_it() {
        let folder = folder();
        let start = || {
            let process =
                Process::start(&folder, "child", None, &["sh", "-c", "echo up; exec sleep 60"]).unwrap();
            while process.log().is_empty() {
                std::thread::sleep(INTERVAL);
            }
            process
        };
        let mut process = std::thread::scope(|scope| scope.spawn(start).join().unwrap());
        assert!(process.ended().is_some_and(|status| !status.success()));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
