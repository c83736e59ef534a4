//! `usher dev`: everything in this process without configuration, and a story that shows what it does.
//!
//! | file | what is in it |
//! |---|---|
//! | `story.rs`, `story/` | what happens, chapter by chapter |
//! | `people.rs` | those it happens to |
//! | `api.rs` | calls over gRPC, as anybody's program would make them |
//! | `mailbox.rs` | the mails that were sent |
//! | `table.rs` | who may do what where, in the end |
//! | `narrator.rs`, `announce.rs` | what the terminal shows, and the calls to try afterwards |

mod announce;
mod api;
mod mailbox;
mod narrator;
mod people;
mod story;
mod table;

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;

use usher_runtime::service_token::ServiceTokens;
use usher_runtime::{Clock, Random};

use crate::arguments::Dev;
use crate::config::Config;
use crate::databases::Databases;
use crate::embedded::DataDirectory;
use crate::service::Service;
use crate::signals::Signals;
use crate::trouble::Trouble;
use crate::{bootstrap, serve, with_telemetry};

use api::Api;
use mailbox::Mailbox;
use narrator::Narrator;
use people::Credentials;
use story::Story;

/// The platform administrator of the embedded default.
const ADMIN_EMAIL: &str = "avery@usher.example";
const ADMIN_NAME: &str = "Avery Stone";

/// Starts the suite, plays the story and, unless `once`, serves on until a signal.
pub async fn dev(arguments: Dev) -> Result<(), Trouble> {
    let random = Random::system();
    let directory = DataDirectory::at(arguments.data.directory.clone());
    let _lock = directory.open()?;
    let port = if arguments.once { 0 } else { 7300 };
    let address = arguments.address.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let config = directory.config(address, &random)?;
    let work = Box::pin(play(&config, &directory, &arguments, &random));
    with_telemetry(&config.telemetry, work).await
}

async fn play(
    config: &Config,
    directory: &DataDirectory,
    arguments: &Dev,
    random: &Random,
) -> Result<(), Trouble> {
    let mut signal = pin!(Signals::catch()?.first());
    let key = directory.signing_key(random)?;
    let admin = Credentials { email: ADMIN_EMAIL.to_owned(), password: directory.admin_password(random)? };
    prepare(config, &admin).await?;
    let running = serve::start(config, &Service::ALL, &key).await?;

    let tokens = ServiceTokens::embedded(&key, &config.trust.audience, Clock::system());
    let api = Api::new(running.address(), tokens.map_err(Trouble::Other)?.0)?;
    let mut story = Story {
        api,
        mailbox: Mailbox::at(directory.mailbox()),
        narrator: Narrator::on_terminal(),
        random: random.clone(),
        tag: format!("{:06x}", u32::from_be_bytes(random.bytes()) >> 8),
    };
    let address = running.address();
    let scene = async {
        tokio::select! {
            outcome = Box::pin(story.tell(&admin)) => {
                if !arguments.once {
                    announce::announce(&story.narrator, address, outcome.as_ref().ok(), &arguments.data.directory);
                    signal.await;
                }
                Some(outcome)
            }
            () = &mut signal => None,
        }
    };
    match running.until(scene).await? {
        Some(Err(went_wrong)) if arguments.once => Err(Trouble::Other(went_wrong.to_string())),
        None if arguments.once => Err(Trouble::Other("a signal broke off the story".to_owned())),
        _ => Ok(()),
    }
}

/// What an operator does before the first start: `usher migrate` and `usher bootstrap`.
async fn prepare(config: &Config, admin: &Credentials) -> Result<(), Trouble> {
    let databases = Databases::open(config, &Service::ALL).await?;
    databases.migrate().await?;
    bootstrap::bootstrap_once(config, &databases, &admin.email, ADMIN_NAME, admin.password.clone()).await
}
