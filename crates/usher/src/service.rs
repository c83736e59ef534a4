//! The services that the binary is made of.

use clap::ValueEnum;
use sea_orm::DbErr;
use usher_api::{community, identity, invitation, notifier};
use usher_runtime::Database;

/// A service of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Service {
    /// Accounts, sessions, keys.
    Identity,
    /// Communities, roles, access.
    Community,
    /// Invitations.
    Invitation,
    /// Mails and webhooks.
    Notifier,
}

impl Service {
    /// All of them, each after those that it calls.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Community, Self::Invitation, Self::Notifier];

    /// The name in the configuration, in service tokens and in event subjects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Community => "community",
            Self::Invitation => "invitation",
            Self::Notifier => "notifier",
        }
    }

    /// The full name of the gRPC service, for health and reflection.
    pub fn grpc_name(self) -> &'static str {
        match self {
            Self::Identity => identity::identity_service_server::SERVICE_NAME,
            Self::Community => community::community_service_server::SERVICE_NAME,
            Self::Invitation => invitation::invitation_service_server::SERVICE_NAME,
            Self::Notifier => notifier::notifier_service_server::SERVICE_NAME,
        }
    }

    /// The services that it calls, as itself. Besides, every process asks identity for the keys of people's tokens, as nobody, and whom
    /// API keys stand for, as one of its services.
    pub fn calls(self) -> &'static [Self] {
        match self {
            Self::Identity => &[],
            Self::Community => &[Self::Identity],
            Self::Invitation => &[Self::Identity, Self::Community],
            Self::Notifier => &[Self::Identity, Self::Community, Self::Invitation],
        }
    }

    /// Applies the migrations that its database lacks.
    pub async fn migrate(self, database: &Database) -> Result<(), DbErr> {
        match self {
            Self::Identity => database.migrate::<usher_identity::Migrator>().await,
            Self::Community => database.migrate::<usher_community::Migrator>().await,
            Self::Invitation => database.migrate::<usher_invitation::Migrator>().await,
            Self::Notifier => database.migrate::<usher_notifier::Migrator>().await,
        }
    }

    /// The names of the migrations that its database lacks.
    pub async fn missing_migrations(self, database: &Database) -> Result<Vec<String>, DbErr> {
        match self {
            Self::Identity => database.missing_migrations::<usher_identity::Migrator>().await,
            Self::Community => database.missing_migrations::<usher_community::Migrator>().await,
            Self::Invitation => database.missing_migrations::<usher_invitation::Migrator>().await,
            Self::Notifier => database.missing_migrations::<usher_notifier::Migrator>().await,
        }
    }
}
