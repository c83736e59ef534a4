//! Communities, who belongs to them, and what each may do there.
//!
//! | file | what is in it |
//! |---|---|
//! | `rpc.rs`, `rpc/` | the RPCs, one file each |
//! | `access.rs` | who may do what: pure functions |
//! | `authority.rs`, `reach.rs` | reading what `access.rs` judges by, for one place and for lists |
//! | `tree.rs`, `consistency.rs` | holding a tree while it changes, and the tokens that name a change |
//! | `catalogue.rs` | permissions: Usher's own, registered ones, aliases |
//! | `role.rs`, `role_draft.rs`, `role_usage.rs` | built-in roles, custom roles as requests say them, and who uses one |
//! | `grants.rs`, `role_drift.rs` | whether somebody may give roles or take them; roles that changed since they were offered |
//! | `membership.rs`, `administrators.rs`, `seats.rs` | changing memberships, and what no change may break |
//! | `api_key.rs`, `service_account.rs`, `programs.rs` | programs that call, and what was given to them |
//! | `invitees.rs` | what stands in the way of those who are to be invited |
//! | `connection.rs` | the identity providers of communities, which the identity service keeps |
//! | `enrolment.rs` | who becomes a member by signing in at the community's identity provider |
//! | `lifecycle.rs`, `profile.rs`, `settings.rs` | what is to say of a community |
//! | `people.rs`, `roster.rs` | what lists tell of people |
//! | `user_state.rs` | accounts that cannot be used |
//! | `sweeper.rs`, `inactivity.rs`, `purge.rs` | what comes with time |
//! | `event.rs`, `subscriber.rs` | what others learn of changes, and what is learnt from them |
//! | `seed.rs` | made-up communities for measurements |
//! | `parse.rs` | what requests may say |
//! | `entity/`, `migration/` | the tables |
//!
//! A person may do in a community what the roles amount to that were given to him there, together with those
//! that were given to him in the community above and inherit. Nothing else gives authority: not who made a
//! community, not being a platform administrator. API keys and service accounts may do what a community gave them, as far as that
//! reaches; they are no members, so no community is administered by them alone. Platform administrators see which communities there
//! are, and stop and delete the ones at the top.

mod access;
mod administrators;
mod api_key;
mod authority;
mod catalogue;
mod config;
mod connection;
mod consistency;
mod enrolment;
mod entity;
mod error;
mod event;
mod grants;
mod inactivity;
mod invitees;
mod lifecycle;
mod membership;
mod migration;
mod parse;
mod people;
mod profile;
mod programs;
mod purge;
mod reach;
mod role;
mod role_draft;
mod role_drift;
mod role_usage;
mod roster;
mod rpc;
mod seats;
mod seed;
mod service_account;
mod settings;
mod subscriber;
mod sweeper;
mod tree;
mod user_state;

use tonic::service::Routes;
use usher_api::community::community_service_server::CommunityServiceServer;
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_runtime::{Clock, Database, EventBus, Foundation, Random, SealingKey, Transport, Workers, relay};

pub use config::Config;
pub use error::{Error, ProgramError, RoleInUse};
pub use migration::Migrator;
pub use seed::{MadeUpMember, MadeUpTree, insert_members, insert_tree};

/// The community service. Clones share everything.
#[derive(Clone)]
pub struct Community {
    database: Database,
    clock: Clock,
    random: Random,
    sealing: SealingKey,
    config: Config,
    identity: IdentityServiceClient<Transport>,
}

/// The largest request: 1 MiB, several times a batch of 1,000 checks.
const MAX_REQUEST_BYTES: usize = 1 << 20;

impl Community {
    /// The service over the identity service, which it calls as the service `community`.
    #[must_use]
    pub fn new(foundation: Foundation, config: Config, identity: IdentityServiceClient<Transport>) -> Self {
        let Foundation { database, clock, random, sealing } = foundation;
        Self { database, clock, random, sealing, config, identity }
    }

    /// The RPCs, without layers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let server = CommunityServiceServer::new(self.clone());
        Routes::new(server.max_decoding_message_size(MAX_REQUEST_BYTES))
    }

    /// Begins to publish and to consume events, and to do what comes with time.
    pub fn start(&self, bus: &EventBus, workers: &Workers) {
        relay::start("community", &self.database, bus, &self.random, workers);
        bus.subscribe(subscriber::of_people(self.clone()), workers);
        bus.subscribe(subscriber::of_invitations(self.clone()), workers);
        let service = self.clone();
        workers.spawn("community-sweeper", move |stop| sweeper::run(service.clone(), stop));
    }
}
