//! Mails and webhooks about what happened.
//!
//! | file | what is in it |
//! |---|---|
//! | `subscriber.rs` | events become deliveries that wait |
//! | `sender.rs` | deliveries become mails |
//! | `taken.rs`, `lease.rs` | those that this process has taken, and whether it still has them |
//! | `record.rs` | what became of an attempt is written down and told |
//! | `warrant.rs` | whether a mail may still leave |
//! | `suppression.rs` | addresses that get no mail |
//! | `dead_letter.rs` | mails that were given up, and why |
//! | `compose.rs`, `images.rs` | deliveries become letters: what there is to say, asked for when they leave |
//! | `letter.rs`, `letter/`, `../templates/` | what is written, in every language, and the headers around it |
//! | `preview.rs` | all mails as files to look at |
//! | `line.rs`, `places.rs` | when none are sent for a while; not too many to one place |
//! | `mailer.rs`, `smtp.rs`, `smtp/` | how it leaves: into a folder, or to a mail server |
//! | `webhook.rs`, `webhook/` | endpoints of communities that are told of events |
//! | `access.rs` | who may see and change those |
//! | `meters.rs` | what is counted of mails and webhooks |
//! | `config.rs` | the settings |
//! | `rpc.rs`, `rpc/`, `newest_first.rs` | the RPCs, one file each; what their lists have in common |
//! | `entity/`, `migration/` | the tables |
//!
//! An event is acknowledged when its delivery is a row, so that neither the broker nor a slow mail server decides whether a
//! mail is sent. The link is asked for when the mail is about to leave, and is nowhere else than in the mail.

mod access;
mod compose;
mod config;
mod dead_letter;
mod entity;
mod error;
mod images;
mod lease;
mod letter;
mod line;
mod mailer;
mod meters;
mod migration;
mod newest_first;
mod places;
mod preview;
mod record;
mod rpc;
mod sender;
mod smtp;
mod subscriber;
mod suppression;
mod taken;
mod warrant;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tonic::service::Routes;
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_api::invitation::invitation_service_client::InvitationServiceClient;
use usher_api::notifier::notifier_service_server::NotifierServiceServer;
use usher_runtime::{Clock, Database, EventBus, Foundation, Random, SealingKey, Transport, Workers, relay};

pub use config::{Config, DkimConfig, Patience, SmtpConfig, Tls, WebhooksConfig};
pub use error::Error;
pub use migration::Migrator;
pub use preview::preview;

use images::Images;
use letter::Letters;
use line::Line;
use mailer::Mailer;
use places::Places;
use record::SentMails;
use webhook::Webhooks;

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
    images: Images,
    mailer: Mailer,
    line: Line,
    domains: Places,
    sent: SentMails,
    /// Fires when there may be something to send, or somebody free to send it.
    wake: Arc<Notify>,
    webhooks: Webhooks,
}

/// The largest request: 64 KiB, far above any filter.
const MAX_REQUEST_BYTES: usize = 1 << 16;

impl Notifier {
    /// The service, which calls the other services as `notifier`.
    ///
    /// # Errors
    /// A setting that is missing or cannot work, by name.
    pub fn new(
        foundation: Foundation,
        config: Config,
        identity: IdentityServiceClient<Transport>,
        community: CommunityServiceClient<Transport>,
        invitation: InvitationServiceClient<Transport>,
    ) -> Result<Self, String> {
        for (name, value) in [
            ("concurrent_mails", config.concurrent_mails),
            ("concurrent_mails_per_domain", config.concurrent_mails_per_domain),
        ] {
            if value == 0 {
                return Err(format!("notifier.{name} must be at least 1"));
            }
        }
        for (name, value) in [("lease", config.lease), ("retry_delay", config.retry_delay)] {
            if value < Duration::from_secs(1) {
                return Err(format!("notifier.{name} must be at least 1s"));
            }
        }
        let sender = config.sender()?;
        let mailer = Mailer::new(&config, sender.email.domain())?;
        let letters = Letters::new(&config, sender)?;
        let images = Images::new(community.clone());
        let webhooks = Webhooks::new(&config.webhooks, community)?;
        let Foundation { database, clock, random, sealing } = foundation;
        let (wake, line) = (Arc::default(), Line::default());
        let domains = Places::new(config.concurrent_mails_per_domain);
        Ok(Self {
            database,
            clock,
            random,
            sealing,
            config,
            invitation,
            identity,
            letters,
            images,
            mailer,
            line,
            domains,
            sent: SentMails::default(),
            wake,
            webhooks,
        })
    }

    /// The RPCs, without layers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let server = NotifierServiceServer::new(self.clone());
        Routes::new(server.max_decoding_message_size(MAX_REQUEST_BYTES))
    }

    /// Whether mails leave. `false` while the mail server does not answer or does not let us in.
    #[must_use]
    pub fn mail_flows(&self) -> watch::Receiver<bool> {
        self.line.flows()
    }

    /// Begins to consume events, to send mails and tell webhooks, and to publish what became of them.
    pub fn start(&self, bus: &EventBus, workers: &Workers) {
        relay::start("notifier", &self.database, bus, &self.random, workers);
        bus.subscribe(subscriber::of_invitations(self.clone()), workers);
        bus.subscribe(subscriber::of_accounts(self.clone()), workers);
        bus.subscribe(webhook::subscriber::of_communities(self.clone()), workers);
        bus.subscribe(webhook::subscriber::of_invitations(self.clone()), workers);
        let counted = self.database.clone();
        workers.spawn("notifier-meters", move |stop| meters::run(counted.clone(), stop));
        let service = self.clone();
        workers.spawn("notifier-sender", move |stop| sender::run(service.clone(), stop));
        let service = self.clone();
        workers.spawn("notifier-courier", move |stop| webhook::courier::run(service.clone(), stop));
    }
}
