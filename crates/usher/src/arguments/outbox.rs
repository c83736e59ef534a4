//! Arguments of `usher outbox`.

use clap::{Args, Subcommand, ValueEnum};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use usher_runtime::Timestamp;
use uuid::Uuid;

use super::{Selection, Source};
use crate::service::Service;

/// Commands about events: those on their way out, and those that a consumer could not deal with.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// How the outboxes stand, and the events in them, the oldest first
    List {
        /// Which events
        #[arg(long, value_enum, default_value_t = State::Open)]
        state: State,
        /// Only those about this resource, such as `communities/…/invitations/…`
        #[arg(long, value_name = "NAME")]
        resource: Option<String>,
        /// How many of each service
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: u64,
        /// Which, and from where.
        #[command(flatten)]
        selection: Selection,
    },
    /// Publish events again that were published before. Consumers pass over what they have dealt with
    Replay {
        /// Whose events
        #[arg(long, value_enum)]
        service: Service,
        /// Which of them.
        #[command(flatten)]
        which: Which,
        /// From where.
        #[command(flatten)]
        source: Source,
    },
    /// The events that consumers could not deal with, and why
    DeadLetters(Selection),
    /// Hand dead letters to their consumers once more
    Redrive {
        /// The service whose consumer could not deal with them
        #[arg(long, value_enum)]
        service: Service,
        /// Which of them.
        #[command(flatten)]
        letters: Letters,
        /// From where.
        #[command(flatten)]
        source: Source,
    },
}

/// How far events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Not published, or not yet dealt with by every consumer
    Open,
    /// Not published
    Waiting,
    /// Published, and not yet dealt with by every consumer
    Unconfirmed,
    /// Dealt with by every consumer
    Confirmed,
    /// All that are kept
    All,
}

/// Which events to publish again: all of the conditions hold.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Which {
    /// This one
    #[arg(long)]
    pub id: Option<Uuid>,
    /// Those about this resource
    #[arg(long, value_name = "NAME")]
    pub resource: Option<String>,
    /// Those that happened at this moment or later, such as `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
}

/// Which dead letters.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Letters {
    /// This one
    #[arg(long)]
    pub id: Option<Uuid>,
    /// All of the service
    #[arg(long)]
    pub all: bool,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "must be a moment such as 2026-01-31T12:00:00Z".to_owned())?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000).map(Timestamp).map_err(|error| error.to_string())
}
