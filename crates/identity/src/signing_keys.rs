//! The keys that sign access tokens. The private halves are in the database, sealed, so that all replicas sign with the same.

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, OnConflict};
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use usher_runtime::service_token::{generate_signing_key, key_id, public_key};
use usher_runtime::trust::ACCESS_TOKEN_TYPE;
use usher_runtime::{Failure, Foundation, database};

use crate::entity::signing_key::{ActiveModel, Column, Entity, Model};
use crate::error::Error;

/// What private keys are sealed for.
const PURPOSE: &str = "signing key";
/// After so long a replica looks whether another key signs now.
const MAX_AGE: Duration = Duration::from_mins(1);

/// Signs by the newest key, which is made when it is first needed. Clones share the cache.
#[derive(Clone)]
pub(crate) struct SigningKeys {
    foundation: Foundation,
    cached: Arc<Mutex<Option<Cached>>>,
}

/// The key that signs, and when it was read.
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

    /// The keys that verify, newest first.
    pub(crate) async fn published(&self) -> Result<Vec<Model>, Error> {
        // A key must be published before it signs anything.
        self.current().await?;
        let connection = &*self.foundation.database;
        let in_use = Condition::any()
            .add(Column::RetireTime.is_null())
            .add(Expr::col(Column::RetireTime).gt(database::now(connection)));
        let keys = Entity::find().filter(in_use).order_by_desc(Column::CreateTime).order_by_asc(Column::Kid);
        Ok(keys.all(connection).await?)
    }

    async fn current(&self) -> Result<Arc<Current>, Error> {
        // Held while looking: of many calls at once, one looks.
        let mut cached = self.cached.lock().await;
        if let Some((current, read)) = &*cached
            && read.elapsed() < MAX_AGE
        {
            return Ok(current.clone());
        }
        let row = match self.signing_row().await? {
            Some(row) => row,
            None => self.make().await?,
        };
        let current = Arc::new(self.unseal(row)?);
        *cached = Some((current.clone(), Instant::now()));
        Ok(current)
    }

    async fn signing_row(&self) -> Result<Option<Model>, Error> {
        Ok(Entity::find().filter(Column::Signs.eq(true)).one(&*self.foundation.database).await?)
    }

    /// Makes the first key; if another replica does so at the same moment, takes that one.
    async fn make(&self) -> Result<Model, Error> {
        let Foundation { database, clock, random, sealing } = &self.foundation;
        let key = generate_signing_key(random);
        let row = Model {
            kid: key_id(&key),
            public_key: public_key(&key),
            sealed_private_key: sealing.seal(random, PURPOSE, &key.to_bytes()),
            signs: true,
            create_time: clock.now(),
            retire_time: None,
        };
        Entity::insert(ActiveModel::from(row).reset_all())
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&**database)
            .await?;
        Ok(self.signing_row().await?.ok_or(Failure::ConcurrentChange)?)
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
