//! Starts a suite, runs a command in it, and ends with the command's status.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sandbox::description::VARIABLE;
use sandbox::{Database, Options, Suite, Topology};

/// Starts a suite, runs a command in it, and ends with the command's status.
#[derive(Parser)]
struct Arguments {
    /// Which databases the services are on.
    #[arg(long)]
    database: Database,
    /// How the services are spread over processes.
    #[arg(long)]
    topology: Topology,
    /// An empty folder for everything that the suite writes.
    #[arg(long)]
    folder: PathBuf,
    /// A PostgreSQL server to use, by the URL of its database `postgres`, instead of starting one.
    #[arg(long)]
    postgres_url: Option<String>,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut options = Options::new(arguments.database, arguments.topology);
    options.postgres_url = arguments.postgres_url;
    let suite = Suite::start(&arguments.folder, &options).await.expect("the suite must start");

    let file = arguments.folder.join("suite.json");
    let text = serde_json::to_string_pretty(&suite.description).expect("a description can be written");
    std::fs::write(&file, text).expect("the folder must be writable");
    let mut command = tokio::process::Command::new(&arguments.command[0]);
    command.args(&arguments.command[1..]).env(VARIABLE, &file).kill_on_drop(true);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("signals work");
    let status = tokio::select! {
        status = command.status() => status.expect("the command must start"),
        _ = tokio::signal::ctrl_c() => return ExitCode::FAILURE,
        _ = terminate.recv() => return ExitCode::FAILURE,
    };
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}
