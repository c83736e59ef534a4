//! Sign-ins that have begun: known by a hash of their state, good for one finish.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use usher_runtime::{Caller, Change, Failure, Random, Timestamp, database};
use uuid::Uuid;

use crate::Identity;
use crate::entity::connection;
use crate::entity::sign_on::{ActiveModel, Column, Entity, Model};
use crate::error::Error;
use crate::lockout::{hold_source, range};
use crate::throttle::Limit;

/// How long somebody may take at the provider; longer than it is counted.
pub(crate) const LIFE: Duration = Duration::from_mins(10);
/// How long it is counted that somebody began.
const COUNTED: Duration = Duration::from_mins(1);
/// What secret scanners know states by.
const PREFIX: &str = "usher_so_";
/// What the secrets are sealed for.
const PURPOSE: &str = "single sign-on";

/// What the provider must prove to know, and what proves to it that whoever finishes began.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) verifier: String,
    pub(crate) nonce: String,
}

/// A sign-in that was begun and is being finished.
pub(crate) struct SignOn {
    pub(crate) connection: Uuid,
    /// Who links his account. `None` if somebody signs in.
    pub(crate) account: Option<Uuid>,
    pub(crate) secrets: Secrets,
}

/// A sign-in that has begun.
pub(crate) struct Begun {
    pub(crate) state: SecretString,
    pub(crate) secrets: Secrets,
    pub(crate) expire_time: Timestamp,
}

/// Begins a sign-in by `connection`.
///
/// # Errors
/// [`Error::SignInThrottled`] if the source begins too often: each begin makes calls of the provider.
pub(crate) async fn begin(
    service: &Identity,
    caller: &Caller,
    connection: &connection::Model,
) -> Result<Begun, Error> {
    let change = service.database.change().await?;
    require_quiet_source(service, &change, caller.source).await?;
    let state = SecretString::from(format!("{PREFIX}{}", random_text(&service.random)));
    let secrets = Secrets { verifier: random_text(&service.random), nonce: random_text(&service.random) };
    let plain = serde_json::to_vec(&secrets).map_err(Failure::internal)?;
    let now = service.clock.now();
    let row = Model {
        state_hash: hash(&state),
        connection_id: connection.id,
        account_id: caller.person.as_ref().map(|person| person.user.0),
        sealed_secrets: service.sealing.seal(&service.random, PURPOSE, &plain),
        source_range: caller.source.map(range).unwrap_or_default(),
        create_time: now,
        expire_time: now.after(LIFE),
    };
    let expire_time = row.expire_time;
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&*change).await?;
    change.commit().await?;
    Ok(Begun { state, secrets, expire_time })
}

/// Refuses a source that begins too often. Of several who begin at once, one is answered after the other.
async fn require_quiet_source(
    service: &Identity,
    change: &Change,
    source: Option<IpAddr>,
) -> Result<(), Error> {
    let Some(source) = source else { return Ok(()) };
    hold_source(service, change, "sign-on source", source).await?;
    let most = service.config.single_sign_on.starts_per_minute.get().into();
    let limit = Limit { name: "STARTS_FROM_SOURCE", most, within: COUNTED };
    let begun = Entity::find().filter(Column::SourceRange.eq(range(source)));
    let wait = limit.wait(&**change, begun, Column::CreateTime).await?;
    wait.map_or(Ok(()), |wait| Err(Error::SignInThrottled(limit.met("source", wait))))
}

/// The sign-in that `state` stands for, which nobody can finish afterwards. It must have been begun by the person who calls, or by
/// nobody who was signed in. That it was begun goes on to be counted.
///
/// # Errors
/// [`Error::SignOnStateInvalid`]
pub(crate) async fn take(service: &Identity, caller: &Caller, state: &SecretString) -> Result<SignOn, Error> {
    let connection = &*service.database;
    let taken = Entity::update_many()
        .col_expr(Column::ExpireTime, Expr::value(Timestamp(0)))
        .filter(Column::StateHash.eq(hash(state)))
        .filter(Expr::col(Column::ExpireTime).gt(database::now(connection)))
        .exec_with_returning(connection)
        .await?;
    let row = taken.into_iter().next().ok_or(Error::SignOnStateInvalid)?;
    if row.account_id != caller.person.as_ref().map(|person| person.user.0) {
        return Err(Error::SignOnStateInvalid);
    }
    let opened = service.sealing.open(PURPOSE, &row.sealed_secrets);
    // Sealed with another key, which an operator replaced meanwhile.
    let secrets = opened.and_then(|plain| serde_json::from_slice(&plain).ok());
    let secrets = secrets.ok_or(Error::SignOnStateInvalid)?;
    Ok(SignOn { connection: row.connection_id, account: row.account_id, secrets })
}

fn random_text(random: &Random) -> String {
    URL_SAFE_NO_PAD.encode(random.bytes::<32>())
}

fn hash(state: &SecretString) -> Vec<u8> {
    Sha256::digest(state.expose_secret()).to_vec()
}
