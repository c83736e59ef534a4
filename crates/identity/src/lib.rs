//! Accounts of people, how they sign in, and the keys that verify their tokens.
//!
//! | file | what is in it |
//! |---|---|
//! | `rpc.rs`, `rpc/` | the RPCs, one file each |
//! | `access.rs` | who may see an account |
//! | `account.rs` | making accounts |
//! | `password.rs`, `password/` | what a password may be, and its slow hash |
//! | `session.rs`, `refresh_token.rs` | sessions, and the credentials that they are used with |
//! | `lockout.rs`, `confirmation.rs` | how many passwords may be tried, and asking for one once more |
//! | `throttle.rs` | how often something may happen |
//! | `second_factor.rs`, `second_factor/`, `admission.rs` | what is shown beside the password, and what follows |
//! | `passkey.rs`, `passkey/` | what is shown instead of the password, or beside it |
//! | `community_rules.rs`, `subscriber.rs` | what communities ask of sessions and sign-ins |
//! | `account_mail.rs` | mails about accounts, and what their links open |
//! | `api_key.rs` | what the API keys of communities and service accounts are known by |
//! | `connection.rs`, `single_sign_on.rs`, `single_sign_on/` | the identity providers of communities, and signing in by them |
//! | `signing_keys.rs`, `signing_keys/` | the keys that sign access tokens, and their rotation |
//! | `http.rs` | the keys for verifiers that do not speak gRPC |
//! | `sweeper.rs`, `purge.rs` | what comes with time |
//! | `bootstrap.rs` | the first platform administrator |
//! | `seed.rs` | made-up accounts for measurements |
//! | `entity/`, `migration/` | the tables |

mod access;
mod account;
mod account_mail;
mod admission;
mod api_key;
mod bootstrap;
mod community_rules;
mod config;
mod confirmation;
mod connection;
mod entity;
mod error;
mod http;
mod lockout;
mod migration;
mod passkey;
mod password;
mod purge;
mod refresh_token;
mod rpc;
mod second_factor;
mod seed;
mod session;
mod signing_keys;
mod single_sign_on;
mod subscriber;
mod sweeper;
mod throttle;

use std::time::Duration;

use tonic::service::Routes;
use usher_api::identity::identity_service_server::IdentityServiceServer;
use usher_runtime::trust::TrustConfig;
use usher_runtime::{Clock, Database, EventBus, Foundation, Random, SealingKey, WebClient, Workers, relay};

pub use config::Config;
pub use entity::signing_key::KeyState;
pub use error::Error;
pub use migration::Migrator;
pub use seed::{MadeUpPerson, insert_people};
pub use signing_keys::{ListedKey, Revocation, Rotation};

use passkey::RelyingParty;
use password::{PasswordHasher, Policy};
use signing_keys::SigningKeys;

/// The identity service. Clones share everything.
#[derive(Clone)]
pub struct Identity {
    database: Database,
    clock: Clock,
    random: Random,
    sealing: SealingKey,
    config: Config,
    issuer: String,
    audience: String,
    keys_max_age: Duration,
    hasher: PasswordHasher,
    password_policy: Policy,
    signing_keys: SigningKeys,
    /// Calls identity providers.
    web: WebClient,
    relying_party: Option<RelyingParty>,
}

/// The largest request: 1 MiB, above the largest picture.
const MAX_REQUEST_BYTES: usize = 1 << 20;

impl Identity {
    /// The service. Its tokens name the issuer and audience of `trust`, by which others verify them.
    #[must_use]
    pub fn new(foundation: Foundation, config: Config, trust: &TrustConfig) -> Self {
        let hasher = PasswordHasher::new(config.password_hash_permits, foundation.random.clone());
        let password_policy = Policy::new(config.password_hash_permits);
        let signing_keys = SigningKeys::new(foundation.clone());
        let web = config.single_sign_on.client();
        let relying_party = RelyingParty::new(&config.passkeys, &config.two_factor_issuer);
        let Foundation { database, clock, random, sealing } = foundation;
        let (issuer, audience) = (trust.user_issuer.clone(), trust.audience.clone());
        let keys_max_age = trust.user_keys_max_age;
        Self {
            database,
            clock,
            random,
            sealing,
            config,
            issuer,
            audience,
            keys_max_age,
            hasher,
            password_policy,
            signing_keys,
            web,
            relying_party,
        }
    }

    /// The RPCs and, for verifiers that do not speak gRPC, the keys over HTTP; without layers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let server = IdentityServiceServer::new(self.clone());
        let rpcs = Routes::new(server.max_decoding_message_size(MAX_REQUEST_BYTES));
        Routes::from(rpcs.into_axum_router().merge(http::routes(self.clone())))
    }

    /// Begins to publish and to consume events.
    pub fn start(&self, bus: &EventBus, workers: &Workers) {
        relay::start("identity", &self.database, bus, &self.random, workers);
        bus.subscribe(subscriber::of_communities(self.clone()), workers);
        let service = self.clone();
        workers.spawn("identity-sweeper", move |stop| sweeper::run(service.clone(), stop));
    }
}
