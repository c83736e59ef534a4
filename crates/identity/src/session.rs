//! Sessions: their refresh tokens, which serve once, and the credentials made of both.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use usher_api::identity::Credentials;
use usher_api::name::UserName;
use usher_runtime::clock::micros;
use usher_runtime::{Random, database};
use uuid::Uuid;

use crate::Identity;
use crate::config::LONGEST_ACCESS_TOKEN_LIFE;
use crate::entity::account;
use crate::entity::session::{ActiveModel, Column, Entity, Model};
use crate::error::Error;

/// A refresh token: a prefix that secret scanners know, and 32 random bytes in base64url. Stored as a hash.
pub(crate) struct RefreshToken(SecretString);

const PREFIX: &str = "usher_rt_";
const LENGTH: usize = 32;

impl RefreshToken {
    fn generate(random: &Random) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random.bytes::<LENGTH>())).into())
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }
}

impl FromStr for RefreshToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let secret = text.strip_prefix(PREFIX).ok_or(Error::RefreshTokenInvalid)?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).map_err(|_| Error::RefreshTokenInvalid)?;
        if bytes.len() == LENGTH { Ok(Self(text.to_owned().into())) } else { Err(Error::RefreshTokenInvalid) }
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
        refresh_hash: token.hash(),
        previous_refresh_hash: None,
        rotate_time: None,
        rotate_request_id: None,
        create_time: now,
        expire_time: now.after(service.config.session_life),
        end_time: None,
    };
    let row = ActiveModel::from(session.clone()).reset_all();
    Entity::insert(row).exec_without_returning(&*service.database).await?;
    credentials(service, account, &session, token).await
}

/// Exchanges `token` for the next one. Of several at once with the same token, one gets it.
pub(crate) async fn rotate(
    service: &Identity,
    token: &RefreshToken,
    request_id: Option<Uuid>,
) -> Result<(Model, RefreshToken), Error> {
    let newest = Condition::all().add(Column::RefreshHash.eq(token.hash()));
    if let Some(rotated) = exchange(service, token, request_id, newest).await? {
        return Ok(rotated);
    }
    // The token before the newest: perhaps the answer was lost, and the same request asks again.
    if let Some(request_id) = request_id {
        let connection = &*service.database;
        let grace_begin = database::now(connection).sub(micros(service.config.refresh_grace));
        let repeated = Condition::all()
            .add(Column::PreviousRefreshHash.eq(token.hash()))
            .add(Column::RotateRequestId.eq(request_id))
            .add(Expr::col(Column::RotateTime).gte(grace_begin));
        if let Some(rotated) = exchange(service, token, Some(request_id), repeated).await? {
            return Ok(rotated);
        }
    }
    Err(refuse(service, token).await?)
}

/// Makes a new token the newest of the one live session that `which` finds. `token` becomes the one before it.
async fn exchange(
    service: &Identity,
    token: &RefreshToken,
    request_id: Option<Uuid>,
    which: Condition,
) -> Result<Option<(Model, RefreshToken)>, Error> {
    let connection = &*service.database;
    let next = RefreshToken::generate(&service.random);
    let rows = Entity::update_many()
        .col_expr(Column::RefreshHash, Expr::value(next.hash()))
        .col_expr(Column::PreviousRefreshHash, Expr::value(token.hash()))
        .col_expr(Column::RotateTime, database::now(connection))
        .col_expr(Column::RotateRequestId, Expr::value(request_id))
        .col_expr(Column::ExpireTime, database::now(connection).add(micros(service.config.session_life)))
        .filter(which)
        .filter(Column::EndTime.is_null())
        .filter(Expr::col(Column::ExpireTime).gt(database::now(connection)))
        .exec_with_returning(connection)
        .await?;
    Ok(rows.into_iter().next().map(|session| (session, next)))
}

/// Why `token` is not exchanged. One that was exchanged longer ago than a client repeats its call is in two hands: its
/// session ends.
async fn refuse(service: &Identity, token: &RefreshToken) -> Result<Error, Error> {
    let connection = &*service.database;
    let grace_begin = database::now(connection).sub(micros(service.config.refresh_grace));
    let ended = Entity::update_many()
        .col_expr(Column::EndTime, database::now(connection))
        .filter(Column::PreviousRefreshHash.eq(token.hash()))
        .filter(Column::EndTime.is_null())
        .filter(Expr::col(Column::RotateTime).lt(grace_begin))
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
    let expires = now.after(service.config.access_token_life.min(LONGEST_ACCESS_TOKEN_LIFE));
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
        refresh_token: token.0.expose_secret().to_owned(),
        session_expire_time: Some(session.expire_time.into()),
    })
}
