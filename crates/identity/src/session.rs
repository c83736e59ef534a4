//! Sessions: how they begin, go on and end, and the credentials that they are used with.

use std::net::IpAddr;
use std::time::Duration;

use sea_orm::UpdateMany;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, Condition, ExprTrait as _, Func};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use usher_api::identity::Credentials;
use usher_api::name::UserName;
use usher_runtime::clock::micros;
use usher_runtime::{Caller, Change, Failure, database};
use uuid::Uuid;

use crate::account::note_seen;
use crate::entity::account;
use crate::entity::account_mail::{self as mail, Kind};
use crate::entity::session::{ActiveModel, Column, Entity, Model};
use crate::error::Error;
use crate::refresh_token::RefreshToken;
use crate::second_factor::{challenge, totp};
use crate::{Identity, account_mail, community_rules, second_factor};

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

/// Where a person is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whereabouts {
    /// What he signs in with, as the client tells.
    pub(crate) device: String,
    /// From which address.
    pub(crate) source: Option<IpAddr>,
}

/// A session that has begun, and its first token.
pub(crate) struct Begun {
    pub(crate) session: Model,
    pub(crate) token: RefreshToken,
}

/// Begins a session of `account` within `change`, whoever proved that it is his.
pub(crate) async fn open(
    service: &Identity,
    change: &Change,
    account: &account::Model,
    whereabouts: Whereabouts,
) -> Result<Begun, Error> {
    let idle = community_rules::of_account(&**change, service, account.id).await?.idle;
    let (now, token) = (service.clock.now(), RefreshToken::generate(&service.random));
    let session = Model {
        id: service.random.uuid(now),
        account_id: account.id,
        family_hash: token.family_hash(),
        refresh_hash: token.hash(),
        previous_refresh_hash: None,
        rotate_time: None,
        rotate_request_id: None,
        device: whereabouts.device,
        address: address(whereabouts.source),
        create_time: now,
        expire_time: now.after(idle.min(service.config.longest_session)),
        end_time: None,
    };
    let row = ActiveModel::from(session.clone()).reset_all();
    Entity::insert(row).exec_without_returning(&**change).await?;
    note_seen(service, change, account, now).await?;
    Ok(Begun { session, token })
}

fn address(source: Option<IpAddr>) -> String {
    source.map(|source| source.to_string()).unwrap_or_default()
}

/// A refresh: whose token is exchanged for which.
struct Exchange<'a> {
    service: &'a Identity,
    token: &'a RefreshToken,
    next: RefreshToken,
    /// How long the session may have been unused.
    idle: Duration,
    source: Option<IpAddr>,
}

/// Exchanges `token` for the next one. Of several at once with the same token, one gets it.
pub(crate) async fn rotate(
    service: &Identity,
    token: &RefreshToken,
    request_id: Option<Uuid>,
    source: Option<IpAddr>,
) -> Result<(Model, RefreshToken), Error> {
    let connection = &*service.database;
    let asked = community_rules::of_family(service, &token.family_hash()).await?;
    if asked.two_factor && !has_second_factor(connection, &token.family_hash()).await? {
        return Err(Error::SecondFactorRequired);
    }
    let idle = asked.idle;
    let exchange = Exchange { service, token, next: token.next(&service.random), idle, source };
    let newest = exchange
        .update()
        .filter(Column::RefreshHash.eq(token.hash()))
        .col_expr(Column::PreviousRefreshHash, Expr::value(token.hash()))
        .col_expr(Column::RotateTime, database::now(connection))
        .col_expr(Column::RotateRequestId, Expr::value(request_id));
    let mut rotated = newest.exec_with_returning(connection).await?;
    if let (true, Some(request_id)) = (rotated.is_empty(), request_id) {
        // Perhaps the answer was lost, and the same request asks again. The token of that answer dies.
        let repeated =
            exchange.update().filter(exchange.just_done()).filter(Column::RotateRequestId.eq(request_id));
        rotated = repeated.exec_with_returning(connection).await?;
    }
    match rotated.pop() {
        Some(session) => Ok((session, exchange.next)),
        None => Err(exchange.refuse().await?),
    }
}

/// Whether the person whose session has refresh tokens with this family hash has a second factor.
async fn has_second_factor(reader: &impl ConnectionTrait, family_hash: &[u8]) -> Result<bool, Error> {
    let session = Entity::find().filter(Column::FamilyHash.eq(family_hash)).one(reader).await?;
    let Some(session) = session else { return Ok(false) };
    Ok(second_factor::is_enabled(reader, session.account_id).await?)
}

impl Exchange<'_> {
    /// Makes the next token the newest of the live session that the token belongs to.
    fn update(&self) -> UpdateMany<Entity> {
        let longest = micros(self.service.config.longest_session);
        let unused = database::now(&*self.service.database).add(micros(self.idle));
        let last = Expr::col(Column::CreateTime).add(longest);
        let expire_time = CaseStatement::new().case(last.clone().lt(unused.clone()), last).finally(unused);
        let mut update = Entity::update_many()
            .col_expr(Column::RefreshHash, Expr::value(self.next.hash()))
            .col_expr(Column::ExpireTime, Expr::Case(Box::new(expire_time)))
            .filter(self.lives());
        if self.source.is_some() {
            update = update.col_expr(Column::Address, Expr::value(address(self.source)));
        }
        update
    }

    /// Holds for the session that the token belongs to, whether or not the token is its newest, if it has not ended.
    fn lives(&self) -> Condition {
        let now = || database::now(&*self.service.database);
        let last_use = Func::coalesce([Expr::col(Column::RotateTime), Expr::col(Column::CreateTime)]);
        // A community may have become stricter since the end was set.
        let unused_since = Expr::from(last_use).gt(now().sub(micros(self.idle)));
        live(self.service).add(Column::FamilyHash.eq(self.token.family_hash())).add(unused_since)
    }

    /// Holds for a session whose newest token was exchanged for the token so short a time ago that a client may still repeat
    /// the call.
    fn just_done(&self) -> Condition {
        let grace = micros(self.service.config.refresh_grace);
        let grace_begin = database::now(&*self.service.database).sub(grace);
        Condition::all()
            .add(Column::PreviousRefreshHash.eq(self.token.hash()))
            .add(Expr::col(Column::RotateTime).gte(grace_begin))
    }

    /// Why the token is not exchanged. Any but the newest token of a session, and the one just exchanged for it, is in two
    /// hands: the session ends.
    async fn refuse(&self) -> Result<Error, Error> {
        let connection = &*self.service.database;
        let ended = Entity::update_many()
            .col_expr(Column::EndTime, database::now(connection))
            .filter(self.lives())
            // Without it there is no older token, only a made-up one.
            .filter(Column::RotateTime.is_not_null())
            .filter(self.just_done().not())
            .exec_with_returning(connection)
            .await?;
        let Some(session) = ended.first() else { return Ok(Error::RefreshTokenInvalid) };
        tracing::warn!(session = %session.id, "session {} ended: an old refresh token came back", session.id);
        Ok(Error::RefreshTokenReused)
    }
}

/// Holds for sessions that have not ended.
pub(crate) fn live(service: &Identity) -> Condition {
    let now = || database::now(&*service.database);
    let oldest = now().sub(micros(service.config.longest_session));
    Condition::all()
        .add(Column::EndTime.is_null())
        .add(Expr::col(Column::ExpireTime).gt(now()))
        .add(Expr::col(Column::CreateTime).gt(oldest))
}

/// Ends the sessions of an account within `change`, but the one `except`, and returns how many there were. What was begun in one of
/// them and would open the account again ends, too: sign-ins that wait for a second factor, enrolments, and moves to another address.
pub(crate) async fn end_all(
    service: &Identity,
    change: &Change,
    account: Uuid,
    except: Option<Uuid>,
) -> Result<u64, Error> {
    let mut ending = Entity::update_many()
        .col_expr(Column::EndTime, database::now(&**change))
        .filter(Column::AccountId.eq(account))
        .filter(live(service));
    if let Some(session) = except {
        ending = ending.filter(Column::Id.ne(session));
    }
    challenge::end_all(change, account).await?;
    totp::end_enrollment(change, account).await?;
    let moves = mail::Column::Kind.eq(Kind::EmailChange).and(mail::Column::AccountId.eq(account));
    account_mail::end(change, moves).await?;
    Ok(ending.exec(&**change).await?.rows_affected)
}

/// Refuses a call in a session that has ended, whose access token is good for some minutes more. Asked where a token that was
/// stolen would open the account again.
///
/// # Errors
/// [`Failure::TokenExpired`]
pub(crate) async fn require_live(
    service: &Identity,
    reader: &impl ConnectionTrait,
    caller: &Caller,
) -> Result<(), Error> {
    let session = Entity::find_by_id(caller.person()?.session).filter(live(service)).one(reader).await?;
    if session.is_some() { Ok(()) } else { Err(Failure::TokenExpired.into()) }
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
