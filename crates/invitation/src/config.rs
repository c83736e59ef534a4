//! The section `[invitation]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use usher_runtime::{DatabaseConfig, LinkBase};

/// `[invitation]`: how long invitations live, where their links lead, and how many people may be invited.
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
    /// Whether invitations may carry personal messages into communities whose settings say neither yes nor no.
    pub personal_messages: bool,
    /// How many people may be invited.
    pub limits: LimitsConfig,
    /// How many imports a process works on at a time; more are refused with RESOURCE_EXHAUSTED.
    pub concurrent_imports: usize,
    /// How long an acceptance may take before the sweeper completes it. Above the deadline of the calls that it makes.
    #[serde(with = "humantime_serde")]
    pub acceptance_lease: Duration,
    /// How often the sweeper looks for expired invitations and interrupted acceptances.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
}

/// `[invitation.limits]`: how many people may be invited. A limit that was used up fills evenly with time. 0 stands for no limit.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The most people whom one inviter invites in a period.
    pub inviter_recipients: u32,
    /// The most people who are invited into the communities of one tree in a period.
    pub tree_recipients: u32,
    /// The most mails to one address in a period. Beyond, invitations are made but not mailed.
    pub recipient_mails: u32,
    /// The period.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { inviter_recipients: 10_000, tree_recipients: 50_000, recipient_mails: 10, period: 24 * HOUR }
    }
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
            personal_messages: false,
            limits: LimitsConfig::default(),
            concurrent_imports: 8,
            acceptance_lease: Duration::from_secs(30),
            sweep_interval: Duration::from_secs(5),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.min_ttl > self.default_ttl || self.default_ttl > self.max_ttl {
            return Err("invitation: min_ttl, default_ttl and max_ttl must rise in this order".to_owned());
        }
        if self.concurrent_imports == 0 {
            return Err("invitation: concurrent_imports must be at least 1".to_owned());
        }
        if self.limits.period < Duration::from_secs(1) {
            return Err("invitation: limits.period must be at least a second".to_owned());
        }
        Ok(())
    }
}
