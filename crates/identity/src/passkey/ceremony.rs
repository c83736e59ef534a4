//! Registrations and sign-ins that have begun: known by a hash of their token, good for one finish, on any replica.

use std::net::IpAddr;
use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use usher_runtime::{Change, SecretToken, Timestamp, database};

use crate::Identity;
use crate::entity::passkey_ceremony::{ActiveModel, Column, Entity, Model};
use crate::error::Error;
use crate::lockout::range;
use crate::throttle::Limit;

/// How long somebody may take at the authenticator.
const LIFE: Duration = Duration::from_mins(10);
/// How long a source remembers.
const THROTTLED_WITHIN: Duration = Duration::from_mins(1);
const TOKEN_PREFIX: &str = "usher_pk_";

/// What has begun.
pub(crate) struct Begun {
    pub(crate) token: SecretToken,
    pub(crate) expire_time: Timestamp,
}

/// Begins a registration of `account`, in the place of one that had begun; or, without one, a sign-in from `source`.
pub(crate) async fn begin(
    service: &Identity,
    account: Option<Uuid>,
    source: Option<IpAddr>,
    state: &impl Serialize,
) -> Result<Begun, Error> {
    let token = SecretToken::generate(&service.random, TOKEN_PREFIX);
    let now = service.clock.now();
    let row = Model {
        hash: token.hash(),
        account_id: account,
        sealed_state: super::seal(service, &purpose(account), state)?,
        source_range: source.map(range).unwrap_or_default(),
        create_time: now,
        expire_time: now.after(LIFE),
    };
    let expire_time = row.expire_time;
    let change = service.database.change().await?;
    if let Some(account) = account {
        end_all(&change, account).await?;
    }
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&*change).await?;
    change.commit().await?;
    Ok(Begun { token, expire_time })
}

/// The state of what has begun with the token `text`, by `account` or by nobody, and which nobody can finish afterwards. None if there is
/// none.
pub(crate) async fn take<S: DeserializeOwned>(
    service: &Identity,
    account: Option<Uuid>,
    text: &str,
) -> Result<Option<S>, Error> {
    let Some(presented) = SecretToken::parse(text, TOKEN_PREFIX) else { return Ok(None) };
    let connection = &*service.database;
    let his = account.map_or(Column::AccountId.is_null(), |account| Column::AccountId.eq(account));
    let taken = Entity::delete_many()
        .filter(Column::Hash.eq(presented.hash()))
        .filter(his)
        .filter(Expr::col(Column::ExpireTime).gt(database::now(connection)))
        .exec_with_returning(connection)
        .await?;
    let Some(row) = taken.into_iter().next() else { return Ok(None) };
    // Sealed with a key, or written by a version of the library, that was replaced meanwhile: whoever began begins anew.
    Ok(super::open(service, &purpose(account), &row.sealed_state).ok())
}

/// Refuses a source that begins too often.
///
/// # Errors
/// [`Error::SignInThrottled`]
pub(crate) async fn require_quiet_source(service: &Identity, source: Option<IpAddr>) -> Result<(), Error> {
    let Some(source) = source else { return Ok(()) };
    let limit = Limit {
        name: "STARTS_FROM_SOURCE",
        most: service.config.passkeys.starts_per_minute.get().into(),
        within: THROTTLED_WITHIN,
    };
    let from_source = Entity::find().filter(Column::SourceRange.eq(range(source)));
    let wait = limit.wait(&*service.database, from_source, Column::CreateTime).await?;
    wait.map_or(Ok(()), |wait| Err(Error::SignInThrottled(limit.met("source", wait))))
}

/// Ends the registrations of an account within `change`.
pub(crate) async fn end_all(change: &Change, account: Uuid) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::AccountId.eq(account)).exec(&**change).await?;
    Ok(())
}

/// What a state is sealed for: who registers cannot sign in by it, nor anybody else register.
fn purpose(account: Option<Uuid>) -> String {
    account
        .map_or_else(|| "passkey sign-in".to_owned(), |account| format!("passkey registration of {account}"))
}
