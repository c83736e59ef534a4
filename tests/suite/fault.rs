//! Things break. Each test starts a suite of its own on PostgreSQL, so these run once, not in every combination.

mod accept_in_parallel;
mod cancelled_calls;
mod crash_at_every_step;
mod crash_in_identity;
mod crash_while_accepting;
mod import;
mod key_rotation;
mod lost_events;
mod lost_message;
mod mail_server_away;
mod one_end_wins;
mod outage;
mod poisonous_events;
mod secrets_at_rest;
mod sign_in_flood;
mod webhooks;

use std::path::PathBuf;

use sandbox::{Database, Options, Suite, Topology, current};
use uuid::Uuid;

/// Options for a suite on the PostgreSQL server of the running one, with databases of its own.
fn options(topology: Topology) -> Options {
    let postgres_url = current().postgres_url.clone();
    Options { postgres_url, ..Options::new(Database::Postgres, topology) }
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
