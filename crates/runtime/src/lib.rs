//! What any process of the suite needs. It names no service, and a helper enters only when two services need it.
//!
//! | file | what is in it |
//! |---|---|
//! | [`clock`], [`random`] | time and randomness, injected |
//! | [`email`], [`fields`], [`mod@image`], [`violations`] | parsing at the edge |
//! | [`failure`], [`rpc`] | refusals, and the edge to the transport |
//! | [`caller`], [`trust`], [`user_keys`], [`api_key`], [`service_token`] | who calls, and why that is believed |
//! | [`layer`] | what every call passes before its RPC |
//! | [`transport`] | the way to a neighbour, local or remote |
//! | [`web_client`] | the way to servers whose addresses strangers chose |
//! | [`foundation`] | what every service is built on |
//! | [`database`], [`migration`] | the database, and the tables that every service has |
//! | [`idempotency`], [`page`], [`sealing`] | request ids, page tokens, and the key behind both |
//! | [`keyset`] | lists that are paged |
//! | [`secret_token`], [`link_base`] | secrets that open something, and the links that they travel in |
//! | [`outbox`], [`relay`], [`reconciler`] | events written with their change, published, and published again when they were lost |
//! | [`queue`] | taking what waits in a table |
//! | [`event`], [`jetstream`] | the bus that carries them |
//! | [`consumer`], [`processed_event`], [`dead_letter`] | events dealt with, once; and those that cannot be |
//! | [`workers`], [`telemetry`], [`meters`], [`masked`] | background tasks; logs, traces and metrics; settings as they may be shown |

pub mod api_key;
pub mod caller;
pub mod clock;
pub mod consumer;
pub mod database;
pub mod dead_letter;
pub mod email;
pub mod event;
pub mod failure;
pub mod fields;
pub mod foundation;
pub mod idempotency;
pub mod image;
pub mod jetstream;
pub mod keyset;
pub mod layer;
pub mod link_base;
pub mod masked;
pub mod meters;
pub mod migration;
pub mod outbox;
pub mod page;
pub mod processed_event;
pub mod queue;
pub mod random;
pub mod reconciler;
pub mod relay;
pub mod rpc;
pub mod sealing;
pub mod secret_token;
pub mod service_token;
pub mod telemetry;
pub mod transport;
pub mod trust;
pub mod user_keys;
pub mod violations;
pub mod web_client;
pub mod workers;

pub use api_key::{ApiKeySecret, ApiKeys};
pub use caller::{Actor, Caller, Program, SignedIn};
pub use clock::{Clock, Timestamp};
pub use database::{Change, Database, DatabaseConfig};
pub use email::EmailAddress;
pub use event::{Event, EventBus, Subscription};
pub use failure::{Failure, Refusal};
pub use foundation::Foundation;
pub use idempotency::Once;
pub use layer::Layers;
pub use link_base::LinkBase;
pub use page::Pages;
pub use random::Random;
pub use sealing::SealingKey;
pub use secret_token::SecretToken;
pub use transport::Transport;
pub use trust::Trust;
pub use violations::Violations;
pub use web_client::WebClient;
pub use workers::Workers;
