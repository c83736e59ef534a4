//! The keys that sign access tokens. The private halves are in the database, sealed, so that all replicas sign with the same.
//! When which key signs is in the rows, too: `signing_keys/rotation.rs` writes it, and each replica follows by the database's clock.

mod rotation;

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, OnConflict, Query};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use usher_runtime::service_token::{generate_signing_key, public_key};
use usher_runtime::trust::ACCESS_TOKEN_TYPE;
use usher_runtime::{Failure, Foundation, Timestamp, database};

use crate::entity::signing_key::{ActiveModel, Column, Entity, Model};
use crate::error::Error;

pub use rotation::{ListedKey, Revocation, Rotation};

/// What private keys are sealed for.
const PURPOSE: &str = "signing key";
/// After so long a replica looks whether another key signs now.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Signs by the key whose time it is; the first is made when it is needed. Clones share the cache.
#[derive(Clone)]
pub(crate) struct SigningKeys {
    foundation: Foundation,
    cached: Arc<Mutex<Option<Cached>>>,
}

/// The key that signs, and when it was asked for.
type Cached = (Arc<Current>, Instant);

/// The key that signs.
struct Current {
    kid: String,
    key: EncodingKey,
}

impl SigningKeys {
    pub(crate) fn new(foundation: Foundation) -> Self {
        Self { foundation, cached: Arc::default() }
    }

    /// An access token with these claims.
    pub(crate) async fn sign(&self, claims: &impl Serialize) -> Result<SecretString, Error> {
        let current = self.current().await?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(current.kid.clone());
        let token = jsonwebtoken::encode(&header, claims, &current.key);
        Ok(token.map(SecretString::from).map_err(Failure::internal)?)
    }

    /// The keys that verify, newest first: those that sign, will, or signed what is still good. Never from a cache, so that a
    /// revoked key is not among them from the moment on that it was revoked.
    pub(crate) async fn published(&self) -> Result<Vec<Model>, Error> {
        // A key must be published before it signs anything.
        self.current().await?;
        let connection = &*self.foundation.database;
        let in_use = Condition::any()
            .add(Column::RetireTime.is_null())
            .add(Expr::col(Column::RetireTime).gt(database::now(connection)));
        let keys = Entity::find()
            .filter(in_use)
            .filter(Column::RevokeTime.is_null())
            .order_by_desc(Column::SignTime)
            .order_by_asc(Column::Kid);
        Ok(keys.all(connection).await?)
    }

    async fn current(&self) -> Result<Arc<Current>, Error> {
        // Held while looking: of many calls at once, one looks.
        let mut cached = self.cached.lock().await;
        if let Some((current, asked)) = &*cached
            && asked.elapsed() < MAX_AGE
        {
            return Ok(current.clone());
        }
        let asked = Instant::now();
        let row = match self.signing_row().await? {
            Some(row) => row,
            None => self.make_first().await?,
        };
        if cached.as_ref().is_none_or(|(current, _)| current.kid != row.kid) {
            tracing::info!(kid = row.kid, "access tokens are signed by key {}", row.kid);
        }
        let current = Arc::new(self.unseal(row)?);
        *cached = Some((current.clone(), asked));
        Ok(current)
    }

    /// The key whose time it is. See [`crate::entity::signing_key::signing`].
    async fn signing_row(&self) -> Result<Option<Model>, Error> {
        let connection = &*self.foundation.database;
        let row = Entity::find()
            .filter(Column::RevokeTime.is_null())
            .filter(Expr::col(Column::SignTime).lte(database::now(connection)))
            .order_by_desc(Column::SignTime)
            .limit(1)
            .one(connection)
            .await?;
        Ok(row)
    }

    /// Makes the first key; if another replica does so at the same moment, takes that one.
    async fn make_first(&self) -> Result<Model, Error> {
        let connection = &*self.foundation.database;
        let row = self.make(database_time(connection).await?);
        Entity::insert(ActiveModel::from(row).reset_all())
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(connection)
            .await?;
        Ok(self.signing_row().await?.ok_or(Failure::ConcurrentChange)?)
    }

    /// A key that signs from `sign_time` on, not written yet.
    fn make(&self, sign_time: Timestamp) -> Model {
        let Foundation { clock, random, sealing, .. } = &self.foundation;
        let key = generate_signing_key(random);
        Model {
            // Operators type it: unlike base64url, it never begins with a hyphen.
            kid: format!("{:016x}", u64::from_be_bytes(random.bytes())),
            public_key: public_key(&key),
            sealed_private_key: sealing.seal(random, PURPOSE, &key.to_bytes()),
            signs: true,
            create_time: clock.now(),
            sign_time,
            retire_time: None,
            revoke_time: None,
        }
    }

    fn unseal(&self, row: Model) -> Result<Current, Error> {
        let opened = self.foundation.sealing.open(PURPOSE, &row.sealed_private_key);
        let bytes: Option<[u8; 32]> = opened.and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes
            .ok_or_else(|| Failure::internal("the signing key was sealed with another secrets.seal_key"))?;
        let der = SigningKey::from_bytes(&bytes)
            .to_pkcs8_der()
            .map_err(|error| Failure::internal(error.to_string()))?;
        Ok(Current { kid: row.kid, key: EncodingKey::from_ed_der(der.as_bytes()) })
    }
}

/// What time it is by the database's clock.
async fn database_time(connection: &impl ConnectionTrait) -> Result<Timestamp, Error> {
    let now = Query::select().expr_as(database::now(connection), "now").to_owned();
    let row = connection.query_one(&now).await?.ok_or_else(|| Failure::internal("a row must come"))?;
    Ok(Timestamp(row.try_get("", "now")?))
}
