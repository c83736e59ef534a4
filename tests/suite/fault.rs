//! Things break. Each test starts a suite of its own on PostgreSQL, so these run once, not in every combination.

mod accept_in_parallel;
mod cancelled_calls;
mod changed_stream;
mod crash_at_every_step;
mod crash_in_identity;
mod crash_while_accepting;
mod crowded_domain;
mod import;
mod key_rotation;
mod killed_consumer;
mod killed_notifier;
mod killed_relay;
mod large_backlogs;
mod ledger;
mod lost_events;
mod lost_message;
mod mail_server_answers;
mod mail_server_away;
mod mail_server_tls;
mod many_mails;
mod one_end_wins;
mod one_way;
mod outage;
mod poisonous_events;
mod random_faults;
mod repeated_events;
mod secrets_at_rest;
mod servers_under_load;
mod sign_in_flood;
mod standstill;
mod stopped_worker;
mod stream;
mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use sandbox::{Database, Options, Service, Suite, Topology, current};
use uuid::Uuid;

/// Options for a suite on the PostgreSQL server of the running one, with databases of its own.
fn options(topology: Topology) -> Options {
    let postgres_url = current().postgres_url.clone();
    Options { postgres_url, ..Options::new(Database::Postgres, topology) }
}

/// The same with leases and waits so short that a test sees them end.
fn hasty(topology: Topology) -> Options {
    options(topology)
        .with("events", "lease = \"3s\"")
        .with("notifier", "lease = \"3s\"\nretry_delay = \"1s\"")
}

/// Whether faults last as long as in the field, and the random ones for how long: `tests/run faults`.
fn long_run() -> Option<Duration> {
    let minutes = std::env::var("USHER_FAULT_MINUTES").ok()?;
    Some(Duration::from_mins(minutes.parse().expect("minutes are a number")))
}

/// How long a fault lasts: `time` in a long run, otherwise only `short`.
fn lasting(short: Duration, time: Duration) -> Duration {
    if long_run().is_some() { time } else { short }
}

/// Starts a process again that was ended.
fn revive(suite: &mut Suite, service: Service, replica: usize) {
    let again = suite.process(service, replica).expect("it started before");
    suite.processes.get_mut(&service).expect("it runs")[replica] = again;
}

/// Kills a process.
fn kill(suite: &mut Suite, service: Service, replica: usize) {
    suite.processes.get_mut(&service).expect("it runs")[replica].crash();
}

/// Starts a suite in a new folder beside the running one, which is removed with it.
async fn start(options: &Options) -> Suite {
    Suite::start(&new_folder(), options).await.expect("the suite starts")
}

fn new_folder() -> PathBuf {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).expect("the folder is new");
    folder
}
