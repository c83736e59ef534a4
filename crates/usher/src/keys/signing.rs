//! `usher keys list`, `rotate` and `revoke`: the keys that sign people's access tokens. Each command works on the database of the
//! identity service; the running replicas follow by themselves.

use std::net::{Ipv4Addr, SocketAddr};

use usher_identity::{Identity, KeyState, ListedKey, Revocation, Rotation};
use usher_runtime::Random;

use crate::arguments::Place;
use crate::config::{Config, check_databases};
use crate::databases::Databases;
use crate::embedded::DataDirectory;
use crate::service::Service;
use crate::suite;
use crate::trouble::Trouble;

/// The settings of the place.
pub fn config(place: &Place) -> Result<Config, Trouble> {
    match &place.data {
        // Nothing listens there.
        Some(data) => {
            let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            DataDirectory::at(data.clone()).config(nowhere, &Random::system())
        }
        None => Config::load(place.source.config.as_deref()),
    }
}

/// Prints all keys.
pub async fn list(config: &Config) -> Result<(), Trouble> {
    let keys = identity(config).await?.list_signing_keys().await.map_err(trouble)?;
    if keys.is_empty() {
        println!("there is no key yet; the first one is made when it is needed");
        return Ok(());
    }
    println!("{:<18}{:<11}{:<29}{:<29}ENDS", "KID", "STATE", "MADE", "SIGNS FROM");
    for key in keys {
        let (made, signs, ends) = (key.create_time.rfc3339(), key.sign_time.rfc3339(), end(&key));
        println!("{:<18}{:<11}{made:<29}{signs:<29}{ends}", key.kid, state(key.state));
    }
    Ok(())
}

/// Makes a key, unless one waits.
pub async fn rotate(config: &Config) -> Result<(), Trouble> {
    match identity(config).await?.rotate_signing_key().await.map_err(trouble)? {
        Rotation::Announced(key) => {
            println!("key {} is published, and signs from {}", key.kid, key.sign_time.rfc3339());
        }
        Rotation::AlreadyAnnounced(key) => {
            let from = key.sign_time.rfc3339();
            println!("nothing changed: key {} is published already, and signs from {from}", key.kid);
        }
    }
    Ok(())
}

/// Takes a key back.
///
/// # Errors
/// If there is none of this id.
pub async fn revoke(config: &Config, kid: &str) -> Result<(), Trouble> {
    match identity(config).await?.revoke_signing_key(kid).await.map_err(trouble)? {
        Revocation::Revoked(signing) => {
            let within = humantime_serde::re::humantime::format_duration(config.trust.user_keys_max_age);
            println!("key {kid} is revoked: every service refuses what it signed within {within}");
            println!("key {} signs", signing.kid);
        }
        Revocation::AlreadyRevoked(when) => {
            println!("nothing changed: key {kid} was revoked at {}", when.rfc3339());
        }
    }
    Ok(())
}

async fn identity(config: &Config) -> Result<Identity, Trouble> {
    check_databases(config, &[Service::Identity])?;
    let databases = Databases::open(config, &[Service::Identity]).await?;
    databases.check_schema().await?;
    suite::identity(config, &databases)?.ok_or_else(|| Trouble::setting("identity.database.url is not set"))
}

fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Announced => "announced",
        KeyState::Signs => "signs",
        KeyState::Retiring => "retiring",
        KeyState::Retired => "retired",
        KeyState::Revoked => "revoked",
    }
}

/// From when nothing that the key signed is good, and why.
fn end(key: &ListedKey) -> String {
    match (key.revoke_time, key.retire_time) {
        (Some(revoked), _) => revoked.rfc3339(),
        (None, Some(retires)) => retires.rfc3339(),
        (None, None) => "-".to_owned(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn trouble(error: usher_identity::Error) -> Trouble {
    Trouble::Other(format!("keys: {}", usher_runtime::rpc::error_chain(&error)))
}
