//! Sessions: their refresh tokens, which serve once, and the credentials made of both.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::UpdateMany;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use secrecy::{ExposeSecret as _, SecretBox};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use usher_api::identity::Credentials;
use usher_api::name::UserName;
use usher_runtime::clock::micros;
use usher_runtime::{Random, database};
use uuid::Uuid;

use crate::Identity;
use crate::account::note_seen;
use crate::entity::account;
use crate::entity::session::{ActiveModel, Column, Entity, Model};
use crate::error::Error;

/// A refresh token: a prefix that secret scanners know, and 32 random bytes in base64url. Stored as hashes.
///
/// The first half of the bytes stays the same through a session, so that a token that comes back is recognised however long ago
/// it was exchanged. The second half is new each time, and cannot be guessed by who knows the first.
pub(crate) struct RefreshToken(SecretBox<[u8; LENGTH]>);

const PREFIX: &str = "usher_rt_";
const LENGTH: usize = 32;
const FAMILY_LENGTH: usize = 16;

impl RefreshToken {
    /// The first token of a session.
    fn generate(random: &Random) -> Self {
        Self(SecretBox::new(Box::new(random.bytes())))
    }

    /// The token that this one is exchanged for.
    fn next(&self, random: &Random) -> Self {
        let mut bytes: [u8; LENGTH] = random.bytes();
        bytes[..FAMILY_LENGTH].copy_from_slice(&self.0.expose_secret()[..FAMILY_LENGTH]);
        Self(SecretBox::new(Box::new(bytes)))
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }

    fn family_hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0.expose_secret()[..FAMILY_LENGTH]).to_vec()
    }

    fn expose(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0.expose_secret()))
    }
}

impl FromStr for RefreshToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let secret = text.strip_prefix(PREFIX).ok_or(Error::RefreshTokenInvalid)?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).map_err(|_| Error::RefreshTokenInvalid)?;
        let bytes: [u8; LENGTH] = bytes.try_into().map_err(|_| Error::RefreshTokenInvalid)?;
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }
}

/// The claims of an access token; `usher_runtime::trust` reads them.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: Uuid,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: Uuid,
    sid: Uuid,
    platform_admin: bool,
}

/// Begins a session of `account`.
pub(crate) async fn begin(service: &Identity, account: &account::Model) -> Result<Credentials, Error> {
    let (now, token) = (service.clock.now(), RefreshToken::generate(&service.random));
    let session = Model {
        id: service.random.uuid(now),
        account_id: account.id,
        family_hash: token.family_hash(),
        refresh_hash: token.hash(),
        previous_refresh_hash: None,
        rotate_time: None,
        rotate_request_id: None,
        create_time: now,
        expire_time: now.after(service.config.session_life),
        end_time: None,
    };
    let row = ActiveModel::from(session.clone()).reset_all();
    let change = service.database.change().await?;
    Entity::insert(row).exec_without_returning(&*change).await?;
    note_seen(service, &change, account, now).await?;
    change.commit().await?;
    credentials(service, account, &session, token).await
}

/// Exchanges `token` for the next one. Of several at once with the same token, one gets it.
pub(crate) async fn rotate(
    service: &Identity,
    token: &RefreshToken,
    request_id: Option<Uuid>,
) -> Result<(Model, RefreshToken), Error> {
    let connection = &*service.database;
    let next = token.next(&service.random);
    let newest = exchange(service, token, &next)
        .filter(Column::RefreshHash.eq(token.hash()))
        .col_expr(Column::PreviousRefreshHash, Expr::value(token.hash()))
        .col_expr(Column::RotateTime, database::now(connection))
        .col_expr(Column::RotateRequestId, Expr::value(request_id));
    let mut rotated = newest.exec_with_returning(connection).await?;
    if let (true, Some(request_id)) = (rotated.is_empty(), request_id) {
        // Perhaps the answer was lost, and the same request asks again. The token of that answer dies.
        let repeated = exchange(service, token, &next)
            .filter(just_exchanged(service, token))
            .filter(Column::RotateRequestId.eq(request_id));
        rotated = repeated.exec_with_returning(connection).await?;
    }
    match rotated.pop() {
        Some(session) => Ok((session, next)),
        None => Err(refuse(service, token).await?),
    }
}

/// Makes `next` the newest token of the live session that `token` belongs to.
fn exchange(service: &Identity, token: &RefreshToken, next: &RefreshToken) -> UpdateMany<Entity> {
    let expire_time = database::now(&*service.database).add(micros(service.config.session_life));
    Entity::update_many()
        .col_expr(Column::RefreshHash, Expr::value(next.hash()))
        .col_expr(Column::ExpireTime, expire_time)
        .filter(lives(service, token))
}

/// Holds for the session that `token` belongs to, whether or not the token is its newest, if it has not ended.
fn lives(service: &Identity, token: &RefreshToken) -> Condition {
    Condition::all()
        .add(Column::FamilyHash.eq(token.family_hash()))
        .add(Column::EndTime.is_null())
        .add(Expr::col(Column::ExpireTime).gt(database::now(&*service.database)))
}

/// Holds for a session whose newest token was exchanged for `token` so short a time ago that a client may still repeat the call.
fn just_exchanged(service: &Identity, token: &RefreshToken) -> Condition {
    let grace_begin = database::now(&*service.database).sub(micros(service.config.refresh_grace));
    Condition::all()
        .add(Column::PreviousRefreshHash.eq(token.hash()))
        .add(Expr::col(Column::RotateTime).gte(grace_begin))
}

/// Why `token` is not exchanged. Any but the newest token of a session, and the one just exchanged for it, is in two hands: the
/// session ends.
async fn refuse(service: &Identity, token: &RefreshToken) -> Result<Error, Error> {
    let connection = &*service.database;
    let ended = Entity::update_many()
        .col_expr(Column::EndTime, database::now(connection))
        .filter(lives(service, token))
        // Without it there is no older token, only a made-up one.
        .filter(Column::RotateTime.is_not_null())
        .filter(just_exchanged(service, token).not())
        .exec_with_returning(connection)
        .await?;
    let Some(session) = ended.first() else { return Ok(Error::RefreshTokenInvalid) };
    tracing::warn!(session = %session.id, "session {} ended: an old refresh token came back", session.id);
    Ok(Error::RefreshTokenReused)
}

/// What the session is used with.
pub(crate) async fn credentials(
    service: &Identity,
    account: &account::Model,
    session: &Model,
    token: RefreshToken,
) -> Result<Credentials, Error> {
    let now = service.clock.now();
    let expires = now.after(service.config.access_token_life);
    let claims = Claims {
        iss: &service.issuer,
        sub: account.id,
        aud: &service.audience,
        iat: now.unix_seconds(),
        exp: expires.unix_seconds(),
        jti: service.random.uuid(now),
        sid: session.id,
        platform_admin: account.platform_admin,
    };
    let access_token = service.signing_keys.sign(&claims).await?;
    Ok(Credentials {
        user: UserName(account.id).to_string(),
        access_token: access_token.expose_secret().to_owned(),
        access_token_expire_time: Some(expires.into()),
        refresh_token: token.expose(),
        session_expire_time: Some(session.expire_time.into()),
    })
}
