//! The configuration: defaults, over them a TOML file, over it the environment.

mod check;
mod secrets;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use serde::{Deserialize, Serialize};
use usher_runtime::DatabaseConfig;
use usher_runtime::jetstream::EventsConfig;
use usher_runtime::layer::LimitsConfig;
use usher_runtime::telemetry::TelemetryConfig;
use usher_runtime::trust::TrustConfig;

pub use check::{check, check_databases};
pub use secrets::SecretsConfig;

use crate::service::Service;
use crate::trouble::Trouble;

/// All settings, a section each. A setting that nobody knows is an error.
///
/// In the environment a setting is `USHER_`, the section, two underscores and the name, in capitals:
/// `USHER_IDENTITY__DATABASE__URL`. Variables without two underscores are not settings: a Kubernetes service of the name
/// `usher` puts `USHER_PORT` and others into the environment of its neighbours.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the process listens, and how it starts and stops.
    pub server: ServerConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// How much the process takes on.
    pub limits: LimitsConfig,
    /// The key that seals.
    pub secrets: SecretsConfig,
    /// Whose tokens are believed, and how the process proves who it is.
    pub trust: TrustConfig,
    /// Where services are that do not run in this process.
    pub peers: PeersConfig,
    /// How events travel.
    pub events: EventsConfig,
    /// The identity service.
    pub identity: usher_identity::Config,
    /// The community service.
    pub community: usher_community::Config,
    /// The invitation service.
    pub invitation: usher_invitation::Config,
    /// The notifier service.
    pub notifier: usher_notifier::Config,
}

/// `[server]`: where the process listens, and how it starts and stops.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The address of the gRPC server.
    pub address: SocketAddr,
    /// How long start-up waits for a database that does not answer.
    #[serde(with = "humantime_serde")]
    pub database_patience: Duration,
    /// How long calls may take to end after a signal to stop. Background tasks then get 5 seconds more.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 7300)),
            database_patience: Duration::from_mins(1),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// `[peers]`: the addresses of services that do not run in this process, such as `http://community:7300`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeersConfig {
    /// The identity service.
    pub identity: Option<String>,
    /// The community service.
    pub community: Option<String>,
    /// The invitation service.
    pub invitation: Option<String>,
}

impl PeersConfig {
    /// The address of `service`. Nobody calls the notifier.
    pub fn address(&self, service: Service) -> Option<&str> {
        match service {
            Service::Identity => self.identity.as_deref(),
            Service::Community => self.community.as_deref(),
            Service::Invitation => self.invitation.as_deref(),
            Service::Notifier => None,
        }
    }
}

/// What the name of a variable begins with, and what stands in it between the section and the name of a setting.
const PREFIX: &str = "USHER_";
const SEPARATOR: &str = "__";

/// The environment variable for the setting at `path`.
pub fn variable(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join(SEPARATOR).to_uppercase())
}

impl Config {
    /// Reads `file`, if there is one, and the environment.
    ///
    /// # Errors
    /// Names the setting and the file or variable that it came from.
    pub fn load(file: Option<&Path>) -> Result<Self, Trouble> {
        let figment = match file {
            Some(path) => {
                let text = std::fs::metadata(path).map(|_| Toml::file_exact(path));
                Figment::from(text.map_err(Trouble::file(path))?)
            }
            None => Figment::new(),
        };
        Self::read(figment)
    }

    /// Reads `figment` and, over it, the environment.
    pub fn read(figment: Figment) -> Result<Self, Trouble> {
        let settings =
            Env::prefixed(PREFIX).filter(|name| name.as_str().contains(SEPARATOR)).split(SEPARATOR);
        let mut config: Self = figment.merge(settings).extract()?;
        config.identity.complete();
        Ok(config)
    }

    /// The database of `service`, if it is set.
    pub fn database(&self, service: Service) -> Option<&DatabaseConfig> {
        match service {
            Service::Identity => self.identity.database.as_ref(),
            Service::Community => self.community.database.as_ref(),
            Service::Invitation => self.invitation.database.as_ref(),
            Service::Notifier => self.notifier.database.as_ref(),
        }
    }

    /// The configuration as TOML, with secrets masked.
    pub fn to_toml(&self) -> Result<String, Trouble> {
        toml::to_string(self)
            .map_err(|error| Trouble::Other(format!("the configuration cannot be shown: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(toml: &str) -> String {
        Config::read(Figment::from(Toml::string(toml))).unwrap_err().to_string()
    }

    #[test]
    fn names_the_setting_that_is_wrong() {
        assert!(complaint("[server]\naddres = 1").contains("server.addres: unknown field"));
        assert!(
            complaint("[server]\nshutdown_grace = \"soon\"").contains("server.shutdown_grace: invalid value")
        );
        assert!(complaint("[identity.database]\nmax_connections = 3").contains("missing field `url`"));
        assert!(complaint("[nonsense]\nx = 1").contains("nonsense: unknown field"));
    }

    #[test]
    fn shows_settings_without_secrets() {
        let toml = "[secrets]\nseal_key = \"topsecret\"\n\
                    [identity.database]\nurl = \"postgres://usher:topsecret@db/identity\"";
        let shown = Config::read(Figment::from(Toml::string(toml))).unwrap().to_toml().unwrap();
        assert!(!shown.contains("topsecret"), "{shown}");
        assert!(shown.contains("postgres://usher:***@db/identity"), "{shown}");
    }

    #[test]
    fn shows_what_passkeys_are_bound_to_also_if_it_is_derived() {
        let toml = "[identity]\nlink_base_url = \"https://usher.example/center\"";
        let shown = Config::read(Figment::from(Toml::string(toml))).unwrap().to_toml().unwrap();
        assert!(shown.contains("relying_party_id = \"usher.example\""), "{shown}");
        assert!(shown.contains("origins = [\"https://usher.example/\"]"), "{shown}");
    }

    #[test]
    fn an_error_names_the_variable() {
        let path = ["identity", "database", "url"].map(str::to_owned);
        assert_eq!(variable(&path), "USHER_IDENTITY__DATABASE__URL");
    }
}
