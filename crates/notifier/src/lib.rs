//! Mails about what happened.
//!
//! | file | what is in it |
//! |---|---|
//! | `subscriber.rs` | events become deliveries that wait |
//! | `sender.rs` | deliveries become mails: claimed, sent, and what became of them |
//! | `suppression.rs` | addresses that get no mail |
//! | `dead_letter.rs` | mails that were given up, and why |
//! | `compose.rs` | a delivery becomes a letter: what there is to say, asked for when it leaves |
//! | `letter.rs`, `letter/`, `../templates/` | what is written, in every language, and the headers around it |
//! | `preview.rs` | all mails as files to look at |
//! | `mailer.rs`, `smtp.rs` | how it leaves: into a folder, or to a mail server |
//! | `config.rs` | the settings |
//! | `rpc.rs`, `rpc/` | the RPCs, one file each |
//! | `entity/`, `migration/` | the tables |
//!
//! An event is acknowledged when its delivery is a row, so that neither the broker nor a slow mail server decides whether a
//! mail is sent. The link is asked for when the mail is about to leave, and is nowhere else than in the mail.

mod compose;
mod config;
mod dead_letter;
mod entity;
mod error;
mod letter;
mod mailer;
mod migration;
mod preview;
mod rpc;
mod sender;
mod smtp;
mod subscriber;
mod suppression;

use std::sync::Arc;

use tokio::sync::Notify;
use tonic::service::Routes;
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_api::invitation::invitation_service_client::InvitationServiceClient;
use usher_api::notifier::notifier_service_server::NotifierServiceServer;
use usher_runtime::{Clock, Database, EventBus, Foundation, Random, SealingKey, Transport, Workers, relay};

pub use config::{Config, DkimConfig, SmtpConfig, Tls};
pub use error::Error;
pub use migration::Migrator;
pub use preview::preview;

use letter::Letters;
use mailer::Mailer;

/// The notifier service. Clones share everything.
#[derive(Clone)]
pub struct Notifier {
    database: Database,
    clock: Clock,
    random: Random,
    sealing: SealingKey,
    config: Config,
    invitation: InvitationServiceClient<Transport>,
    identity: IdentityServiceClient<Transport>,
    letters: Letters,
    mailer: Mailer,
    /// Fires when there may be something to send, or somebody free to send it.
    wake: Arc<Notify>,
}

/// The largest request: 64 KiB, far above any filter.
const MAX_REQUEST_BYTES: usize = 1 << 16;

impl Notifier {
    /// The service, which calls the identity and invitation services as `notifier`.
    ///
    /// # Errors
    /// A setting that is missing or cannot work, by name.
    pub fn new(
        foundation: Foundation,
        config: Config,
        identity: IdentityServiceClient<Transport>,
        invitation: InvitationServiceClient<Transport>,
    ) -> Result<Self, String> {
        if config.concurrent_mails == 0 {
            return Err("notifier.concurrent_mails must be at least 1".to_owned());
        }
        let sender = config.sender()?;
        let mailer = Mailer::new(&config, sender.email.domain())?;
        let letters = Letters::new(&config, sender)?;
        let Foundation { database, clock, random, sealing } = foundation;
        let wake = Arc::default();
        Ok(Self { database, clock, random, sealing, config, invitation, identity, letters, mailer, wake })
    }

    /// The RPCs, without layers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let server = NotifierServiceServer::new(self.clone());
        Routes::new(server.max_decoding_message_size(MAX_REQUEST_BYTES))
    }

    /// Begins to consume events, to send mails, and to publish what became of them.
    pub fn start(&self, bus: &EventBus, workers: &Workers) {
        let (database, bus_of_relay) = (self.database.clone(), bus.clone());
        workers.spawn("notifier-relay", move |stop| {
            relay::run(database.clone(), bus_of_relay.clone(), "notifier", stop)
        });
        bus.subscribe(subscriber::of_invitations(self.clone()), workers);
        bus.subscribe(subscriber::of_accounts(self.clone()), workers);
        let service = self.clone();
        workers.spawn("notifier-sender", move |stop| sender::run(service.clone(), stop));
    }
}
