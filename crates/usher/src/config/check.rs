//! Whether the settings are enough for the services that a process runs, and fit together.

use secrecy::ExposeSecret as _;
use tonic::transport::Uri;

use super::Config;
use crate::service::Service;
use crate::trouble::Trouble;

/// Checks that a process with these settings can run `services`.
///
/// # Errors
/// [`Trouble::Settings`] with everything that is missing or wrong, so that nobody has to start ten times to learn ten things.
pub fn check(config: &Config, services: &[Service]) -> Result<(), Trouble> {
    let mut wrong = databases(config, services);
    if let Err(Trouble::Settings(about_key)) = config.secrets.sealing_key() {
        wrong.extend(about_key);
    }
    wrong.extend(neighbours(config, services));
    wrong.extend(trust(config, services));
    wrong.extend(signing_keys(config, services));
    if services.contains(&Service::Identity) {
        wrong.extend(config.identity.passkeys.problems());
    }
    if config.events.nats_url.is_none() && services.len() < Service::ALL.len() {
        wrong
            .push("events.nats_url is not set: without NATS all services must run in one process".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Trouble::Settings(wrong)) }
}

/// Checks the databases of `services` alone.
pub fn check_databases(config: &Config, services: &[Service]) -> Result<(), Trouble> {
    let wrong = databases(config, services);
    if wrong.is_empty() { Ok(()) } else { Err(Trouble::Settings(wrong)) }
}

fn databases(config: &Config, services: &[Service]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen: Vec<(Service, &str)> = Vec::new();
    for service in services.iter().copied() {
        let name = service.name();
        let Some(database) = config.database(service) else {
            wrong.push(format!("{name}.database.url is not set"));
            continue;
        };
        let url = database.url.expose_secret();
        if let Some((other, _)) = seen.iter().find(|(_, other)| *other == url) {
            let other = other.name();
            wrong.push(format!(
                "{name}.database.url is that of {other}: every service has a database of its own"
            ));
        }
        seen.push((service, url));
    }
    wrong
}

/// Whether every service that is called runs here or has an address.
fn neighbours(config: &Config, services: &[Service]) -> Vec<String> {
    let mut wrong = Vec::new();
    for target in Service::ALL.into_iter().filter(|target| !services.contains(target)) {
        // Identity is asked for keys by every service.
        let callers: Vec<_> = services
            .iter()
            .filter(|service| service.calls().contains(&target) || target == Service::Identity)
            .map(|service| service.name())
            .collect();
        if !callers.is_empty() && config.peers.address(target).is_none() {
            let (target, callers) = (target.name(), callers.join(", "));
            wrong.push(format!("peers.{target} is not set, and {callers} cannot work without it"));
        }
    }
    wrong
}

/// Whether those who call each other from process to process can know each other.
fn trust(config: &Config, services: &[Service]) -> Vec<String> {
    let mut wrong = Vec::new();
    let texts = [("audience", &config.trust.audience), ("user_issuer", &config.trust.user_issuer)];
    for (name, _) in texts.iter().filter(|(_, text)| text.is_empty()) {
        wrong.push(format!("trust.{name} must not be empty"));
    }
    let runs_elsewhere = |service: &Service| !services.contains(service);
    let calls_away = services.iter().find(|caller| caller.calls().iter().any(runs_elsewhere));
    if let (Some(caller), None) = (calls_away, &config.trust.own_token) {
        let caller = caller.name();
        wrong.push(format!("trust.own_token is not set, and {caller} calls services of other processes"));
    }
    for caller in Service::ALL.into_iter().filter(runs_elsewhere) {
        let target = services.iter().find(|service| caller.calls().contains(service));
        let mut known = config.trust.issuers.iter().flat_map(|issuer| issuer.services.values());
        if let Some(target) = target.filter(|_| !known.any(|service| service == caller.name())) {
            let (caller, target) = (caller.name(), target.name());
            wrong.push(format!(
                "trust.issuers: none stands for {caller}, which calls {target} of this process"
            ));
        }
    }
    wrong
}

/// Whether others can find the keys of people's tokens, and learn of a new one before it signs.
fn signing_keys(config: &Config, services: &[Service]) -> Vec<String> {
    if !services.contains(&Service::Identity) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    if !is_base_url(&config.trust.user_issuer) {
        wrong.push("trust.user_issuer must be a URL such as https://usher.example.com".to_owned());
    }
    if config.identity.key_announcement < config.trust.user_keys_max_age * 2 {
        wrong.push("identity.key_announcement must be at least twice trust.user_keys_max_age".to_owned());
    }
    wrong
}

/// Whether the text is an http(s) URL to which a path can be added.
fn is_base_url(text: &str) -> bool {
    let Ok(url) = text.parse::<Uri>() else { return false };
    let web = matches!(url.scheme_str(), Some("http" | "https"));
    web && url.host().is_some_and(|host| !host.is_empty()) && url.query().is_none() && !text.contains('#')
}

#[cfg(test)]
mod tests {
    use usher_runtime::DatabaseConfig;

    use super::*;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn complaints(config: &Config, services: &[Service]) -> String {
        check(config, services).err().map(|trouble| trouble.to_string()).unwrap_or_default()
    }

    fn together() -> Config {
        let mut config = Config::default();
        config.secrets.seal_key = Some(KEY.to_owned().into());
        config.identity.database = Some(DatabaseConfig::at("sqlite://identity.db"));
        config.community.database = Some(DatabaseConfig::at("sqlite://community.db"));
        config.invitation.database = Some(DatabaseConfig::at("sqlite://invitation.db"));
        config.notifier.database = Some(DatabaseConfig::at("sqlite://notifier.db"));
        config
    }

    #[test]
    fn all_services_together_need_databases_and_a_key() {
        assert_eq!(complaints(&together(), &Service::ALL), "");
        let nothing = complaints(&Config::default(), &Service::ALL);
        for name in ["identity.database.url", "notifier.database.url", "secrets.seal_key_file"] {
            assert!(nothing.contains(name), "{nothing}");
        }
    }

    #[test]
    fn a_service_alone_needs_its_neighbours_and_trust() {
        let alone = complaints(&together(), &[Service::Invitation]);
        for name in
            ["peers.identity", "peers.community", "trust.own_token", "stands for notifier", "events.nats_url"]
        {
            assert!(alone.contains(name), "{alone}");
        }
        assert!(!alone.contains("peers.invitation"), "{alone}");
    }

    #[test]
    fn no_two_services_share_a_database() {
        let mut config = together();
        config.notifier.database = config.identity.database.clone();
        assert!(complaints(&config, &Service::ALL).contains("notifier.database.url is that of identity"));
    }

    #[test]
    fn an_empty_audience_is_refused() {
        let mut config = together();
        config.trust.audience.clear();
        assert!(complaints(&config, &Service::ALL).contains("trust.audience"));
    }

    #[test]
    fn passkeys_are_bound_to_where_the_pages_are() {
        let mut config = together();
        config.identity.passkeys.relying_party_id = Some("usher.example".to_owned());
        assert!(complaints(&config, &Service::ALL).contains("identity.passkeys.origins"));
    }

    #[test]
    fn the_keys_can_be_found_and_are_known_before_they_sign() {
        let mut config = together();
        config.identity.key_announcement = config.trust.user_keys_max_age;
        assert!(complaints(&config, &Service::ALL).contains("identity.key_announcement"));
        config = together();
        for issuer in ["usher", "ftp://usher.example", "https://usher.example?x", "https://usher.example/#x"]
        {
            config.trust.user_issuer = issuer.to_owned();
            assert!(complaints(&config, &Service::ALL).contains("trust.user_issuer"), "{issuer}");
        }
        config.trust.user_issuer = "https://example.com/usher/".to_owned();
        assert_eq!(complaints(&config, &Service::ALL), "");
    }
}
