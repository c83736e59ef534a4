//! The section `[invitation]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use usher_runtime::{DatabaseConfig, LinkBase};

/// `[invitation]`: how long invitations live and where their links lead.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the rows are.
    pub database: Option<DatabaseConfig>,
    /// What links in mails begin with.
    pub link_base_url: LinkBase,
    /// The shortest life of an invitation that can be asked for.
    #[serde(with = "humantime_serde")]
    pub min_ttl: Duration,
    /// The longest life of an invitation that can be asked for.
    #[serde(with = "humantime_serde")]
    pub max_ttl: Duration,
    /// The life of an invitation for which none is asked.
    #[serde(with = "humantime_serde")]
    pub default_ttl: Duration,
    /// How long an acceptance may take before the sweeper completes it. Above the deadline of the calls that it makes.
    #[serde(with = "humantime_serde")]
    pub acceptance_lease: Duration,
    /// How often the sweeper looks for expired invitations and interrupted acceptances.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
    /// How long after it would have expired an invitation that ended keeps what is known of the person. Requests are known again
    /// by their `request_id` as long.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// How many streams of changes a process serves at a time.
    pub watch_streams: usize,
    /// How often it is judged again whether whoever watches may.
    #[serde(with = "humantime_serde")]
    pub watch_check_interval: Duration,
}

const HOUR: Duration = Duration::from_hours(1);

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            link_base_url: LinkBase::default(),
            min_ttl: HOUR,
            max_ttl: 30 * 24 * HOUR,
            default_ttl: 7 * 24 * HOUR,
            acceptance_lease: Duration::from_secs(30),
            sweep_interval: Duration::from_secs(5),
            retention: 90 * 24 * HOUR,
            watch_streams: 500,
            watch_check_interval: Duration::from_secs(30),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.min_ttl > self.default_ttl || self.default_ttl > self.max_ttl {
            return Err("invitation: min_ttl, default_ttl and max_ttl must rise in this order".to_owned());
        }
        Ok(())
    }
}
