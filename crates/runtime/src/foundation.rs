//! What every service is built on.

use crate::{Clock, Database, Random, SealingKey};

/// What every service is built on, given to it by whoever composes the process.
#[derive(Clone, Debug)]
pub struct Foundation {
    /// The service's own database.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// Ids and secrets.
    pub random: Random,
    /// Seals page tokens and secrets at rest; shared by the replicas of the service.
    pub sealing: SealingKey,
}
