//! The command line.

pub mod outbox;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::service::Service;

/// Invitations by e-mail into communities, with roles, for every other service to ask about.
///
/// Without a command: `usher dev`.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Option<Command>,
    /// What to do if no command says.
    #[command(flatten)]
    dev: Dev,
}

impl Arguments {
    /// The command that was given, or `dev`.
    pub fn command(self) -> Command {
        self.command.unwrap_or(Command::Dev(self.dev))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything in this process without configuration, play a story on it, and keep serving
    Dev(Dev),
    /// Serve
    Serve(Selection),
    /// Bring database schemas up to date
    Migrate {
        /// Change nothing; fail if a schema is behind
        #[arg(long)]
        check: bool,
        /// Which, and from where.
        #[command(flatten)]
        selection: Selection,
    },
    /// Make the account of the platform administrator, if there is none
    Bootstrap {
        /// The address of the account
        #[arg(long)]
        email: String,
        /// The name that others see
        #[arg(long)]
        full_name: String,
        /// A file whose first line is the password: 15 characters or more, not easily guessed
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// From where.
        #[command(flatten)]
        source: Source,
    },
    /// Fill databases with made-up people and communities, for measurements
    Seed {
        /// How many.
        #[command(flatten)]
        size: Size,
        /// From where.
        #[command(flatten)]
        source: Source,
    },
    /// Keys: of people's access tokens (list, rotate, revoke), and of services (generate)
    #[command(subcommand)]
    Keys(Keys),
    /// Events: on their way out (list, replay), and those that could not be dealt with (dead-letters, redrive)
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Mails
    #[command(subcommand)]
    Mail(Mail),
    /// Print a service token for trying calls against `usher dev`; it lasts ten minutes
    ServiceToken {
        /// The service that the token stands for; any name will do
        #[arg(long, value_name = "NAME")]
        service: String,
        /// Where.
        #[command(flatten)]
        data: Data,
    },
    /// Print the effective configuration with secrets masked
    Config(Source),
}

/// Arguments of `usher dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// End after the story; exit code 0 only if every step gave the expected result
    #[arg(long)]
    pub once: bool,
    /// Where to listen [default: 127.0.0.1:7300; with --once, any free port]
    #[arg(long)]
    pub address: Option<SocketAddr>,
    /// Where.
    #[command(flatten)]
    pub data: Data,
}

/// The data directory of the embedded default.
#[derive(Debug, Args)]
pub struct Data {
    /// The directory with databases, keys and mails
    #[arg(long = "data", env = "USHER_DATA", value_name = "DIRECTORY", default_value = "usher-data")]
    pub directory: PathBuf,
}

/// Where settings come from.
#[derive(Debug, Args)]
pub struct Source {
    /// A TOML file with settings; the environment (`USHER_SECTION__SETTING`) stands above it
    #[arg(long, env = "USHER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Services, and where their settings come from.
#[derive(Debug, Args)]
pub struct Selection {
    /// Which services, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Service::ALL)]
    services: Vec<Service>,
    /// From where.
    #[command(flatten)]
    pub source: Source,
}

impl Selection {
    /// The services, each once, in the order of [`Service::ALL`].
    pub fn services(&self) -> Vec<Service> {
        Service::ALL.into_iter().filter(|service| self.services.contains(service)).collect()
    }
}

/// Where an identity service has its keys.
#[derive(Debug, Args)]
pub struct Place {
    /// From where.
    #[command(flatten)]
    pub source: Source,
    /// The directory of `usher dev`, instead of settings
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "config")]
    pub data: Option<PathBuf>,
}

/// How much `usher seed` makes.
#[derive(Debug, Args)]
pub struct Size {
    /// Managed communities inside one MSSP community
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub communities: u32,
    /// People with accounts
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub users: u64,
    /// Memberships of these people, at most one for each person and community
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    pub memberships: u64,
    /// The same number makes the same rows
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Commands about mails.
#[derive(Debug, Subcommand)]
pub enum Mail {
    /// Write made-up mails of every kind in every language as files, by the built-in templates or those of the configuration
    Preview {
        /// Where to write; files of the same names are overwritten
        #[arg(long, value_name = "DIRECTORY")]
        directory: PathBuf,
        /// From where.
        #[command(flatten)]
        source: Source,
    },
}

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// The keys that sign people's access tokens: kid, state, times
    List(Place),
    /// Make a new key that signs people's access tokens. It is published first, and signs when everybody knows it; the present
    /// one goes on being believed until what it signed has expired. No process needs a restart
    Rotate(Place),
    /// Take back a key that signs people's access tokens, for instance one that leaked: what it signed is refused everywhere
    /// within moments, and another key signs at once
    Revoke {
        /// Its id, as `usher keys list` tells it
        // Keys of earlier versions have ids that may begin with a hyphen.
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// Make a key by which a service proves to others which it is: NAME.pem (private) and NAME.jwks.json (public) are written;
    /// nothing is overwritten
    Generate {
        /// The service that the key stands for
        #[arg(long, value_name = "NAME", value_parser = plain_name)]
        service: String,
        /// Where to write
        #[arg(long, value_name = "DIRECTORY")]
        directory: PathBuf,
    },
}

/// A name that becomes part of a file name.
fn plain_name(text: &str) -> Result<String, String> {
    let plain =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if text.is_empty() || !text.chars().all(plain) {
        return Err("must consist of a-z, 0-9 and -".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_begin_with_a_hyphen_and_options_are_options_still() {
        let parse = |arguments: &[&str]| Arguments::try_parse_from(arguments).map(Arguments::command);
        let Ok(Command::Keys(Keys::Revoke { kid, place })) =
            parse(&["usher", "keys", "revoke", "-2R1HFIUwb1AZ1MN", "--config", "usher.toml"])
        else {
            panic!("it must be understood");
        };
        assert_eq!(
            (kid.as_str(), place.source.config),
            ("-2R1HFIUwb1AZ1MN", Some(PathBuf::from("usher.toml")))
        );
        assert!(parse(&["usher", "keys", "revoke"]).is_err());
    }
}
