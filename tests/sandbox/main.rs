//! Starts a suite, runs a command in it, and ends with the command's status.

mod command;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sandbox::{Database, Options, Service, Suite, Topology};

/// Starts a suite, runs a command in it, and ends with the command's status.
///
/// Fails also if a process of the suite ended by itself meanwhile, panicked, or does not end orderly.
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
    /// The command and its arguments. The variable `USHER_SANDBOX` names the file that describes the suite to it.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut signals = command::Signals::catch();
    let mut options = Options::new(arguments.database, arguments.topology);
    options.postgres_url = arguments.postgres_url;
    if (arguments.database, arguments.topology) == (Database::Postgres, Topology::Apart) {
        // So that what replicas have to count together, such as guesses, is counted by two, and what only one may do is tried at two.
        options.replicas.insert(Service::Identity, 2);
        options.replicas.insert(Service::Invitation, 2);
    }
    let suite = tokio::select! {
        suite = Suite::start(&arguments.folder, &options) => suite.expect("the suite must start"),
        () = signals.next() => return ExitCode::FAILURE,
    };
    let file = arguments.folder.join("suite.json");
    let text = serde_json::to_string_pretty(&suite.description).expect("a description can be written");
    std::fs::write(&file, text).expect("the folder must be writable");

    let outcome =
        command::run(&arguments.command, &file, &mut signals).await.expect("the command must start");
    let complaints = suite.stop();
    for complaint in &complaints {
        eprintln!("sandbox: {complaint}");
    }
    if complaints.is_empty() { outcome } else { ExitCode::FAILURE }
}
