//! When which key signs: what operators do about it. There is no RPC for it; they have the database.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _, UpdateMany};
use usher_runtime::{Change, Timestamp};

use super::{SigningKeys, database_time};
use crate::Identity;
use crate::config::LONGEST_ACCESS_TOKEN_LIFE;
use crate::entity::signing_key::{ActiveModel, Column, Entity, KeyState, Model, signing};
use crate::error::Error;

/// How long the tokens of a key may be good after another began to sign, whatever the settings were when they were made: the
/// longest that a token lives, and a minute for replicas that notice late and clocks that differ.
const OVERLAP: Duration = LONGEST_ACCESS_TOKEN_LIFE.saturating_add(Duration::from_mins(1));

/// A signing key as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// Its id.
    pub kid: String,
    /// What it is good for now.
    pub state: KeyState,
    /// When it was made.
    pub create_time: Timestamp,
    /// From when it signs.
    pub sign_time: Timestamp,
    /// When nothing that it signed is good any more, if that is known.
    pub retire_time: Option<Timestamp>,
    /// When it was revoked.
    pub revoke_time: Option<Timestamp>,
}

/// What a rotation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// This key was made, and is announced.
    Announced(ListedKey),
    /// This key is announced since an earlier rotation. Nothing changed: two keys in wait would not be safer than one.
    AlreadyAnnounced(ListedKey),
}

/// What a revocation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The key was revoked. This key signs now.
    Revoked(ListedKey),
    /// The key was revoked before, at this time. Nothing changed.
    AlreadyRevoked(Timestamp),
}

impl Identity {
    /// All signing keys, the newest first.
    pub async fn list_signing_keys(&self) -> Result<Vec<ListedKey>, Error> {
        let connection = &*self.database;
        let now = database_time(connection).await?;
        let keys = Entity::find().order_by_desc(Column::SignTime).order_by_asc(Column::Kid);
        let keys = keys.all(connection).await?;
        let listed = |key: &Model| listed(key, signing(&keys, now), now);
        Ok(keys.iter().map(listed).collect())
    }

    /// Makes a key and publishes it. It begins to sign when everybody has had the time to see it, `key_announcement` from now;
    /// the present one stays published until what it signed has expired. Every replica follows by itself.
    ///
    /// Of several rotations at once, one makes a key.
    pub async fn rotate_signing_key(&self) -> Result<Rotation, Error> {
        let change = self.database.change().await?;
        let (keys, now) = hold(&change).await?;
        let present = signing(&keys, now);
        if let Some(waiting) = waiting(&keys, now) {
            return Ok(Rotation::AlreadyAnnounced(listed(waiting, present, now)));
        }
        // Without a key so far there is nobody who could not know the first.
        let sign_time = if present.is_none() { now } else { now.after(self.config.key_announcement) };
        retire(present, sign_time, &change).await?;
        let made = insert(&self.signing_keys, sign_time, &change).await?;
        forget_retired(&keys, now, &change).await?;
        change.commit().await?;
        Ok(Rotation::Announced(listed(&made, present.or(Some(&made)), now)))
    }

    /// Takes a key back: it is not published any more, so that services refuse what it signed when they look next. If it is the
    /// one that signs, the announced one does so at once, or else a new one.
    ///
    /// # Errors
    /// [`Error::SigningKeyNotFound`]
    pub async fn revoke_signing_key(&self, kid: &str) -> Result<Revocation, Error> {
        let change = self.database.change().await?;
        let (keys, now) = hold(&change).await?;
        let Some(revoked) = keys.iter().find(|key| key.kid == kid) else {
            return Err(Error::SigningKeyNotFound { kid: kid.to_owned() });
        };
        if let Some(revoke_time) = revoked.revoke_time {
            return Ok(Revocation::AlreadyRevoked(revoke_time));
        }
        revoke(revoked, now, &change).await?;
        let present = signing(&keys, now);
        let signs = match (present.filter(|key| key.kid != kid), waiting(&keys, now)) {
            (Some(present), Some(waiting)) if waiting.kid == kid => go_on(present, &change).await?,
            (Some(present), _) => present.clone(),
            (None, Some(waiting)) if waiting.kid != kid => begin(waiting, now, &change).await?,
            (None, _) => insert(&self.signing_keys, now, &change).await?,
        };
        change.commit().await?;
        Ok(Revocation::Revoked(listed(&signs, Some(&signs), now)))
    }
}

fn listed(key: &Model, signing: Option<&Model>, now: Timestamp) -> ListedKey {
    ListedKey {
        kid: key.kid.clone(),
        state: key.state(signing, now),
        create_time: key.create_time,
        sign_time: key.sign_time,
        retire_time: key.retire_time,
        revoke_time: key.revoke_time,
    }
}

fn waiting(keys: &[Model], now: Timestamp) -> Option<&Model> {
    keys.iter().find(|key| key.state(None, now) == KeyState::Announced)
}

/// All keys, which nobody else changes until `change` ends, and the time.
async fn hold(change: &Change) -> Result<(Vec<Model>, Timestamp), Error> {
    Entity::find().order_by_asc(Column::Kid).lock_exclusive().all(&**change).await?;
    // Once more: whoever was waited for may have added one.
    let keys = Entity::find().all(&**change).await?;
    Ok((keys, database_time(&**change).await?))
}

async fn insert(keys: &SigningKeys, sign_time: Timestamp, change: &Change) -> Result<Model, Error> {
    let row = keys.make(sign_time);
    Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&**change).await?;
    Ok(row)
}

fn update(kid: &str) -> UpdateMany<Entity> {
    Entity::update_many().filter(Column::Kid.eq(kid))
}

/// Lets the key sign until `next` and be published until what it signed has expired.
async fn retire(key: Option<&Model>, next: Timestamp, change: &Change) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    update(&key.kid)
        .col_expr(Column::Signs, Expr::value(false))
        .col_expr(Column::RetireTime, Expr::value(next.after(OVERLAP)))
        .exec(&**change)
        .await?;
    Ok(())
}

/// Takes [`retire`] back: there is no next key.
async fn go_on(key: &Model, change: &Change) -> Result<Model, Error> {
    update(&key.kid)
        .col_expr(Column::Signs, Expr::value(true))
        .col_expr(Column::RetireTime, Expr::value(None::<Timestamp>))
        .exec(&**change)
        .await?;
    Ok(Model { signs: true, retire_time: None, ..key.clone() })
}

/// Lets an announced key sign at once.
async fn begin(key: &Model, now: Timestamp, change: &Change) -> Result<Model, Error> {
    update(&key.kid).col_expr(Column::SignTime, Expr::value(now)).exec(&**change).await?;
    Ok(Model { sign_time: now, ..key.clone() })
}

async fn revoke(key: &Model, now: Timestamp, change: &Change) -> Result<(), Error> {
    update(&key.kid)
        .col_expr(Column::Signs, Expr::value(false))
        // Programs of before there was a revocation stop publishing it by this one.
        .col_expr(Column::RetireTime, Expr::value(now))
        .col_expr(Column::RevokeTime, Expr::value(now))
        .col_expr(Column::SealedPrivateKey, Expr::value(""))
        .exec(&**change)
        .await?;
    Ok(())
}

/// Destroys the private halves of keys that have retired.
async fn forget_retired(keys: &[Model], now: Timestamp, change: &Change) -> Result<(), Error> {
    let retired = keys.iter().filter(|key| key.retire_time.is_some_and(|retire| retire <= now));
    let kids: Vec<&str> = retired.map(|key| key.kid.as_str()).collect();
    Entity::update_many()
        .col_expr(Column::SealedPrivateKey, Expr::value(""))
        .filter(Column::Kid.is_in(kids))
        .exec(&**change)
        .await?;
    Ok(())
}
