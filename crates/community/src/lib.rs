//! Communities, who belongs to them, and what each may do there.
//!
//! | file | what is in it |
//! |---|---|
//! | `rpc.rs`, `rpc/` | the RPCs, one file each |
//! | `access.rs` | who may do what: pure functions |
//! | `authority.rs` | reading what `access.rs` judges by |
//! | `catalogue.rs` | permissions: Usher's own, registered ones, aliases |
//! | `role.rs` | built-in roles, and how any role is identified |
//! | `grants.rs` | whether somebody may give roles, at the offer and at the acceptance |
//! | `membership.rs` | making people members |
//! | `event.rs` | what others learn of changes |
//! | `parse.rs` | what requests may say |
//! | `entity/`, `migration/` | the tables |
//!
//! A person may do in a community what the roles amount to that were given to him there, together with those
//! that were given to him in the community above and inherit. Nothing else gives authority: not who made a
//! community, not being a platform administrator.

mod access;
mod authority;
mod catalogue;
mod entity;
mod error;
mod event;
mod grants;
mod membership;
mod migration;
mod parse;
mod role;
mod rpc;

use tonic::service::Routes;
use usher_api::community::community_service_server::CommunityServiceServer;
use usher_runtime::{Clock, Database, EventBus, Foundation, Random, SealingKey, Workers, relay};

pub use error::Error;
pub use migration::Migrator;

/// The community service. Clones share everything.
#[derive(Clone)]
pub struct Community {
    database: Database,
    clock: Clock,
    random: Random,
    sealing: SealingKey,
}

/// The largest request: 1 MiB, several times a batch of 1,000 checks.
const MAX_REQUEST_BYTES: usize = 1 << 20;

impl Community {
    /// The service. It has no settings and calls nobody.
    #[must_use]
    pub fn new(foundation: Foundation) -> Self {
        let Foundation { database, clock, random, sealing } = foundation;
        Self { database, clock, random, sealing }
    }

    /// The RPCs, without layers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let server = CommunityServiceServer::new(self.clone());
        Routes::new(server.max_decoding_message_size(MAX_REQUEST_BYTES))
    }

    /// Begins to publish events.
    pub fn start(&self, bus: &EventBus, workers: &Workers) {
        let (database, bus) = (self.database.clone(), bus.clone());
        workers.spawn("community-relay", move |stop| {
            relay::run(database.clone(), bus.clone(), "community", stop)
        });
    }
}
