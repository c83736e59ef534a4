//! The section `[identity]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use usher_runtime::DatabaseConfig;

/// `[identity]`: how long sessions and their tokens live.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the rows are.
    pub database: Option<DatabaseConfig>,
    /// How long an access token is good for: as long a person who was shut out may go on. At most 15 minutes; more is cut.
    #[serde(with = "humantime_serde")]
    pub access_token_life: Duration,
    /// How long a session lasts without being refreshed.
    #[serde(with = "humantime_serde")]
    pub session_life: Duration,
    /// How long a client that lost an answer may repeat a refresh.
    #[serde(with = "humantime_serde")]
    pub refresh_grace: Duration,
    /// How many passwords are hashed at a time. Each takes 46 MiB and a core for some 50 ms.
    pub password_hash_permits: usize,
}

/// The longest life of an access token.
pub(crate) const LONGEST_ACCESS_TOKEN_LIFE: Duration = Duration::from_mins(15);

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            access_token_life: LONGEST_ACCESS_TOKEN_LIFE,
            session_life: Duration::from_hours(30 * 24),
            refresh_grace: Duration::from_secs(10),
            password_hash_permits: 4,
        }
    }
}
