//! What API keys are known by. The community service says whose there are, and what each may do.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use usher_api::name::{ApiKeyName, ApiKeyOwner, PrincipalName};
use usher_runtime::clock::micros;
use usher_runtime::database;
use uuid::Uuid;

use crate::Identity;
use crate::entity::api_key::{Column, Entity, Model};
use crate::error::Error;

/// How long a secret is kept for whoever did not get the answer, unless it is used before.
pub(crate) const SECRET_LIFE: Duration = Duration::from_hours(24);
/// How old the last use may look. A use within it is not written down, so that a busy key does not make a write of every call.
const USE_INTERVAL: Duration = Duration::from_mins(1);

/// What the sealing key knows the secret of this key by.
pub(crate) fn purpose(id: Uuid) -> String {
    format!("api key {id}")
}

/// Whose authority the key stands for.
pub(crate) fn principal(name: ApiKeyName) -> PrincipalName {
    match name.owner {
        ApiKeyOwner::Community(community) => PrincipalName::ApiKey { community, id: name.id },
        ApiKeyOwner::ServiceAccount(account) => PrincipalName::ServiceAccount(account),
    }
}

/// The key of this name.
pub(crate) async fn find(reader: &impl ConnectionTrait, name: ApiKeyName) -> Result<Option<Model>, Error> {
    let row = Entity::find_by_id(name.id).one(reader).await?;
    Ok(row.filter(|row| row.owner == name.owner.to_string()))
}

/// The key with this hash, if it is good at this moment by the database's clock.
///
/// # Errors
/// [`Error::ApiKeyExpired`], [`Error::ApiKeyNotFound`], also for one that was revoked.
pub(crate) async fn find_good(service: &Identity, hash: &[u8]) -> Result<Model, Error> {
    let reader = &*service.database;
    let unexpired = Condition::any()
        .add(Column::ExpireTime.is_null())
        .add(Expr::col(Column::ExpireTime).gt(database::now(reader)));
    let known = || Entity::find().filter(Column::Hash.eq(hash)).filter(Column::RevokeTime.is_null());
    if let Some(row) = known().filter(unexpired).one(reader).await? {
        return Ok(row);
    }
    match known().one(reader).await? {
        Some(_) => Err(Error::ApiKeyExpired),
        None => Err(Error::ApiKeyNotFound),
    }
}

/// Notes that the key is used: whoever uses it has its secret. Nothing is written if that was noted a moment ago.
pub(crate) async fn note_use(service: &Identity, row: &Model) -> Result<(), Error> {
    let now = service.clock.now();
    let noted = row.last_use_time.is_some_and(|time| time > now.before(USE_INTERVAL));
    if noted && row.sealed_secret.is_none() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::LastUseTime, Expr::value(now))
        .col_expr(Column::SealedSecret, Expr::value(None::<String>))
        .filter(Column::Id.eq(row.id))
        .exec(&*service.database)
        .await?;
    Ok(())
}

/// Forgets all keys of an owner that is no more.
pub(crate) async fn forget(service: &Identity, owner: ApiKeyOwner) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Owner.eq(owner.to_string())).exec(&*service.database).await?;
    Ok(())
}

/// Forgets secrets that nobody asked for again, and keys that have not been good for `life`.
pub(crate) async fn sweep(service: &Identity, life: Duration) -> Result<(), Error> {
    let ago = |life: Duration| database::now(&*service.database).sub(micros(life));
    Entity::update_many()
        .col_expr(Column::SealedSecret, Expr::value(None::<String>))
        .filter(Column::SealedSecret.is_not_null())
        .filter(Expr::col(Column::CreateTime).lt(ago(SECRET_LIFE)))
        .exec(&*service.database)
        .await?;
    let over = Condition::any()
        .add(Expr::col(Column::RevokeTime).lt(ago(life)))
        .add(Expr::col(Column::ExpireTime).lt(ago(life)));
    Entity::delete_many().filter(over).exec(&*service.database).await?;
    Ok(())
}
