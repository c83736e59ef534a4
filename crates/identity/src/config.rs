//! The section `[identity]`.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use usher_runtime::{DatabaseConfig, LinkBase};

use crate::lockout::LockoutConfig;
use crate::passkey::PasskeysConfig;
use crate::single_sign_on::SingleSignOnConfig;

/// `[identity]`: how long sessions and their tokens live.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the rows are.
    pub database: Option<DatabaseConfig>,
    /// What links in mails begin with.
    pub link_base_url: LinkBase,
    /// How long an access token is good for: as long a person who was shut out may go on. 1 second to 15
    /// minutes.
    #[serde(serialize_with = "humantime_serde::serialize", deserialize_with = "access_token_life")]
    pub access_token_life: Duration,
    /// How long a new key is published before it signs. By then everybody who keeps the keys for a while must have asked anew:
    /// at least twice `trust.user_keys_max_age`, and as long as verifiers that are not of this suite keep them.
    #[serde(with = "humantime_serde")]
    pub key_announcement: Duration,
    /// How long a session lasts without being refreshed. Communities may ask for less.
    #[serde(with = "humantime_serde")]
    pub session_life: Duration,
    /// How long a session lasts however often it is refreshed.
    #[serde(with = "humantime_serde")]
    pub longest_session: Duration,
    /// How long a client that lost an answer may repeat a refresh.
    #[serde(with = "humantime_serde")]
    pub refresh_grace: Duration,
    /// What apps that show codes, and authenticators, call this service, beside the address of the account.
    pub two_factor_issuer: String,
    /// How many passwords may be tried.
    pub lockout: LockoutConfig,
    /// How people sign in by the identity providers of their communities.
    pub single_sign_on: SingleSignOnConfig,
    /// What passkeys are bound to.
    pub passkeys: PasskeysConfig,
    /// How often rows are looked for that nobody needs any more.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
    /// How many passwords are hashed at a time, and beside them judged at a time. Hashing one takes 46 MiB and a core for some
    /// 50 ms, judging one a core for up to some 10 ms.
    pub password_hash_permits: NonZeroUsize,
}

pub(crate) const LONGEST_ACCESS_TOKEN_LIFE: Duration = Duration::from_mins(15);

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            link_base_url: LinkBase::default(),
            access_token_life: LONGEST_ACCESS_TOKEN_LIFE,
            key_announcement: Duration::from_hours(1),
            session_life: Duration::from_hours(30 * 24),
            longest_session: Duration::from_hours(90 * 24),
            refresh_grace: Duration::from_secs(10),
            two_factor_issuer: "Usher".to_owned(),
            lockout: LockoutConfig::default(),
            single_sign_on: SingleSignOnConfig::default(),
            passkeys: PasskeysConfig::default(),
            sweep_interval: Duration::from_mins(10),
            password_hash_permits: const { NonZeroUsize::new(4).unwrap() },
        }
    }
}

impl Config {
    /// Fills in what is left to be taken from other settings.
    pub fn complete(&mut self) {
        self.passkeys.complete(&self.link_base_url);
    }
}

fn access_token_life<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let life: Duration = humantime_serde::deserialize(deserializer)?;
    if (Duration::from_secs(1)..=LONGEST_ACCESS_TOKEN_LIFE).contains(&life) {
        return Ok(life);
    }
    Err(D::Error::custom("must be 1 second to 15 minutes"))
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, MapDeserializer};

    use super::*;

    fn with_access_token_life(life: &str) -> Result<Config, Error> {
        Config::deserialize(MapDeserializer::new([("access_token_life", life)].into_iter()))
    }

    #[test]
    fn an_access_token_lives_fifteen_minutes_at_most() {
        assert_eq!(with_access_token_life("15m").unwrap().access_token_life, Duration::from_mins(15));
        assert!(with_access_token_life("16m").is_err() && with_access_token_life("0s").is_err());
    }
}
