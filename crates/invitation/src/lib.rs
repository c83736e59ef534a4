//! Invitations of people into communities, from the offer to the acceptance.
//!
//! | file | what is in it |
//! |---|---|
//! | `rpc.rs`, `rpc/` | the RPCs, one file each |
//! | `parse.rs` | what requests may say |
//! | `asked.rs` | one invitation as a request asks for it |
//! | `judging.rs`, `refusal.rs` | many offers judged at once, and refusals as data |
//! | `preview.rs` | what an invitation would be |
//! | `import.rs`, `import_lines.rs` | many people in one call, in the forms in which they come |
//! | `words.rs` | what an invitation says beside what it offers |
//! | `policy.rs` | what the community service is asked about an offer, and what its answer refuses |
//! | `limits.rs` | how many people may be invited, and how often one is mailed |
//! | `draft.rs` | writing new invitations, one live one for each community and address |
//! | `acceptance.rs` | from a claim to memberships: the steps that a crash may interrupt |
//! | `access.rs` | who may see and end an invitation |
//! | `inviter.rs` | who invites, and who does anything else: a person, or a program, perhaps on his behalf |
//! | `invitee.rs` | who is invited: the signed-in person whose address it is |
//! | `filter.rs` | which invitations a request speaks of |
//! | `risks.rs` | what may be wrong with those that wait |
//! | `offer.rs` | an invitation in the words that people read |
//! | `token.rs` | the secret in a link |
//! | `departure.rs` | until when mails may begin to leave, and who waits for that |
//! | `lifecycle.rs` | states, and the one way to change them |
//! | `history.rs` | what happened to invitations, in an order that is the same for all who watch |
//! | `watch.rs` | telling it as it happens |
//! | `subscriber.rs` | what became of mails |
//! | `withdrawal.rs`, `supersession.rs` | invitations that end with a membership, or by one |
//! | `sweeper.rs` | expiry made visible, interrupted acceptances completed |
//! | `housekeeping.rs` | reminders, and what is known of people destroyed |
//! | `lost_mail.rs` | mails that were asked for and of which nothing is heard |
//! | `entity/`, `migration/` | the tables |
//!
//! Authority is the community service's to judge and accounts are the identity service's: both are asked before a change
//! begins, never within one.

mod acceptance;
mod access;
mod asked;
mod config;
mod departure;
mod draft;
mod entity;
mod error;
mod filter;
mod history;
mod housekeeping;
mod import;
mod import_lines;
mod invitee;
mod inviter;
mod judging;
mod lifecycle;
mod limits;
mod lost_mail;
mod migration;
mod offer;
mod parse;
mod policy;
mod preview;
mod refusal;
mod risks;
mod rpc;
mod subscriber;
mod supersession;
mod sweeper;
mod token;
mod watch;
mod withdrawal;
mod words;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tonic::service::Routes;
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_api::invitation::invitation_service_server::InvitationServiceServer;
use usher_runtime::{Clock, Database, EventBus, Foundation, Random, SealingKey, Transport, Workers, relay};

pub use config::Config;
pub use error::Error;
pub use migration::Migrator;

/// The invitation service. Clones share everything.
#[derive(Clone)]
pub struct Invitation {
    database: Database,
    clock: Clock,
    random: Random,
    sealing: SealingKey,
    config: Config,
    /// For imports under way: they go on after their call was answered.
    imports: Arc<Semaphore>,
    identity: IdentityServiceClient<Transport>,
    community: CommunityServiceClient<Transport>,
    streams: watch::Streams,
}

/// The largest message: 1 MiB, several times a batch of 100 invitations.
const MAX_REQUEST_BYTES: usize = 1 << 20;

impl Invitation {
    /// The service over its neighbours, which it calls as the service `invitation`.
    ///
    /// # Errors
    /// A setting that cannot work, by name.
    pub fn new(
        foundation: Foundation,
        config: Config,
        identity: IdentityServiceClient<Transport>,
        community: CommunityServiceClient<Transport>,
    ) -> Result<Self, String> {
        config.check()?;
        let Foundation { database, clock, random, sealing } = foundation;
        let imports = Arc::new(Semaphore::new(config.concurrent_imports));
        let streams = watch::Streams::new(config.watch_streams);
        Ok(Self { database, clock, random, sealing, config, imports, identity, community, streams })
    }

    /// The RPCs, without layers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let server = InvitationServiceServer::new(self.clone());
        Routes::new(server.max_decoding_message_size(MAX_REQUEST_BYTES))
    }

    /// Begins to publish and to consume events, to make expiry visible and to complete interrupted acceptances.
    pub fn start(&self, bus: &EventBus, workers: &Workers) {
        relay::start("invitation", &self.database, bus, &self.random, workers);
        bus.subscribe(subscriber::subscription(self.clone()), workers);
        bus.subscribe(withdrawal::subscription(self.clone()), workers);
        self.streams.end_with(workers);
        let service = self.clone();
        workers.spawn("invitation-sweeper", move |stop| sweeper::run(service.clone(), stop));
    }
}
