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
    /// How long a seat is kept for an invitation that is about to be written, should its process die before it has. Longer than
    /// events take at their worst: until the invitation's has come, the seat is kept by this alone.
    #[serde(with = "humantime_serde")]
    pub seat_lease: Duration,
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
            seat_lease: Duration::from_mins(15),
            sweep_interval: Duration::from_mins(1),
        }
    }
}
