//! The command that runs in the sandbox.

use std::io;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use sandbox::description::VARIABLE;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Incoming, SignalKind, signal};

/// How long the command may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(20);

/// The signals that tell us to end: Ctrl-C, a lost terminal, and an orderly end.
pub struct Signals([Incoming; 3]);

impl Signals {
    /// From now on the signals do not end the process; [`Signals::next`] tells of them.
    pub fn catch() -> Self {
        let kinds = [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::terminate()];
        Self(kinds.map(|kind| signal(kind).expect("signals can be caught")))
    }

    /// Waits for one.
    pub async fn next(&mut self) {
        let [interrupt, hangup, terminate] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Runs `command` to its end, or until a signal comes, which then ends it with everything that it started in its process group.
pub async fn run(command: &[String], description: &Path, signals: &mut Signals) -> io::Result<ExitCode> {
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "--"])
        .args(command)
        .env(VARIABLE, description)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    tokio::select! {
        status = child.wait() => return Ok(code(status?)),
        () = signals.next() => {}
    }
    if let Some(group) = group {
        end(group, &mut child).await;
    }
    Ok(ExitCode::FAILURE)
}

async fn end(group: Pid, child: &mut Child) {
    // Both fail only if all in the group have ended.
    let _ = killpg(group, Signal::SIGTERM);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = killpg(group, Signal::SIGKILL);
        let _ = child.wait().await;
    }
}

fn code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
