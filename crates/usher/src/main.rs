//! Usher: the one binary.
//!
//! | file | what is in it |
//! |---|---|
//! | `arguments.rs` | the command line |
//! | `config.rs`, `config/` | the settings, where they come from, and whether they are enough |
//! | `service.rs` | the services that there are |
//! | `serve.rs` | `usher serve`: a process from start to stop |
//! | `suite.rs`, `neighbours.rs` | the composition, and the ways between services |
//! | `server.rs`, `health.rs`, `signals.rs` | listening, readiness, and what ends the process |
//! | `databases.rs` | databases opened, waited for and held against the migrations |
//! | `migrate.rs`, `bootstrap.rs`, `keys.rs`, `keys/`, `outbox.rs`, `seed.rs` | the commands of the same names |
//! | `embedded.rs`, `private_file.rs` | the data directory of `usher dev` |
//! | `dev.rs`, `dev/` | `usher dev`: the story |
//! | `trouble.rs` | why a command fails |

mod arguments;
mod bootstrap;
mod config;
mod databases;
mod dev;
mod embedded;
mod health;
mod keys;
mod migrate;
mod neighbours;
mod outbox;
mod private_file;
mod seed;
mod serve;
mod server;
mod service;
mod signals;
mod suite;
mod trouble;

use std::pin::pin;
use std::process::ExitCode;

use clap::Parser as _;
use usher_runtime::Random;
use usher_runtime::service_token::generate_signing_key;
use usher_runtime::telemetry::{Telemetry, TelemetryConfig};

use arguments::outbox::Outbox;
use arguments::{Arguments, Command, Keys, Mail, Selection};
use config::Config;
use trouble::Trouble;

/// Much is taken by one thread and given back by another here: an event, a mail, an answer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("usher: {trouble}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Trouble> {
    match command {
        Command::Dev(arguments) => Box::pin(dev::dev(arguments)).await,
        Command::Serve(selection) => Box::pin(serve(&selection)).await,
        Command::Migrate { check, selection } => {
            let config = Config::load(selection.source.config.as_deref())?;
            let services = selection.services();
            let work = migrate::migrate(&config, &services, check);
            with_telemetry(&config.telemetry, Box::pin(work)).await
        }
        Command::Bootstrap { email, full_name, password_file, source } => {
            let config = Config::load(source.config.as_deref())?;
            let work = bootstrap::bootstrap(&config, &email, &full_name, &password_file);
            with_telemetry(&config.telemetry, Box::pin(work)).await
        }
        Command::Seed { size, source } => {
            let config = Config::load(source.config.as_deref())?;
            with_telemetry(&config.telemetry, Box::pin(seed::seed(&config, &size))).await
        }
        Command::Keys(Keys::Generate { service, directory }) => keys::generate(&service, &directory),
        Command::Keys(Keys::List(place)) => {
            let config = keys::signing::config(&place)?;
            with_telemetry(&config.telemetry, Box::pin(keys::signing::list(&config))).await
        }
        Command::Keys(Keys::Rotate(place)) => {
            let config = keys::signing::config(&place)?;
            with_telemetry(&config.telemetry, Box::pin(keys::signing::rotate(&config))).await
        }
        Command::Keys(Keys::Revoke { kid, place }) => {
            let config = keys::signing::config(&place)?;
            with_telemetry(&config.telemetry, Box::pin(keys::signing::revoke(&config, &kid))).await
        }
        Command::Outbox(command) => {
            let config = Config::load(settings_of(&command).config.as_deref())?;
            with_telemetry(&config.telemetry, Box::pin(outbox::run(&config, &command))).await
        }
        Command::Mail(Mail::Preview { directory, source }) => {
            let config = Config::load(source.config.as_deref())?;
            let count = usher_notifier::preview(&config.notifier, &directory).map_err(Trouble::setting)?;
            println!("{count} mails, each as .html and .txt, are in {}", directory.display());
            Ok(())
        }
        Command::ServiceToken { service, data } => embedded::print_service_token(data.directory, &service),
        Command::Config(source) => {
            print!("{}", Config::load(source.config.as_deref())?.to_toml()?);
            Ok(())
        }
    }
}

fn settings_of(command: &Outbox) -> &arguments::Source {
    match command {
        Outbox::List { selection, .. } | Outbox::DeadLetters(selection) => &selection.source,
        Outbox::Replay { source, .. } | Outbox::Redrive { source, .. } => source,
    }
}

async fn serve(selection: &Selection) -> Result<(), Trouble> {
    let config = Config::load(selection.source.config.as_deref())?;
    let signals = signals::Signals::catch()?;
    // Only this process needs to believe it.
    let embedded_key = generate_signing_key(&Random::system());
    let work = async {
        let mut signal = pin!(signals.first());
        let services = selection.services();
        let running = tokio::select! {
            started = serve::start(&config, &services, &embedded_key) => started?,
            () = &mut signal => return Ok(()),
        };
        running.until(signal).await
    };
    with_telemetry(&config.telemetry, Box::pin(work)).await
}

/// Does `work` between the start of telemetry and its flush, which comes whether the work succeeds or fails.
async fn with_telemetry(
    config: &TelemetryConfig,
    work: impl Future<Output = Result<(), Trouble>>,
) -> Result<(), Trouble> {
    let telemetry = Telemetry::start(config);
    let telemetry = telemetry.map_err(|error| Trouble::setting(format!("telemetry: {error}")))?;
    let outcome = work.await;
    telemetry.flush();
    outcome
}
