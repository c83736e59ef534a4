//! The section `[community]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use usher_runtime::DatabaseConfig;

/// `[community]`: how long members may stay away, and how long what was deleted can be brought back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the rows are.
    pub database: Option<DatabaseConfig>,
    /// How long a deleted community can be brought back before it is destroyed.
    #[serde(with = "humantime_serde")]
    pub purge_delay: Duration,
    /// How long a member may stay away before he is suspended, in communities that ask for it.
    #[serde(with = "humantime_serde")]
    pub inactive_after: Duration,
    /// How many API keys a community or a service account may have that are neither revoked nor expired.
    pub most_api_keys: u64,
    /// How long an API key stays listed after it was revoked or has expired. At most 365 days.
    #[serde(with = "humantime_serde")]
    pub ended_api_key_life: Duration,
    /// How often the sweeper looks for members who stayed away and communities to destroy.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            purge_delay: 30 * DAY,
            inactive_after: 90 * DAY,
            most_api_keys: 100,
            ended_api_key_life: 90 * DAY,
            sweep_interval: Duration::from_mins(1),
        }
    }
}
