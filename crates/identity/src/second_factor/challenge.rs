//! Sign-ins that wait for a second factor.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::identity::{SecondFactor, SecondFactorChallenge};
use usher_runtime::{Change, SecretToken, database};
use webauthn_rs::prelude::DiscoverableAuthentication;

use super::{Demand, Factors};
use crate::Identity;
use crate::entity::challenge::{ActiveModel, Column, Entity, Model};
use crate::error::Error;
use crate::passkey;

const TOKEN_PREFIX: &str = "usher_ch_";
/// How long a person may take.
const LIFE: Duration = Duration::from_mins(10);

/// Asks `demand` of the person of `account`, within `change`.
pub(crate) async fn begin(
    service: &Identity,
    change: &Change,
    account: Uuid,
    device: String,
    demand: &Demand,
) -> Result<SecondFactorChallenge, Error> {
    let token = SecretToken::generate(&service.random, TOKEN_PREFIX);
    let (factors, passkey) = match demand {
        Demand::Proof(factors) => (factors.accepted(), ask_for_passkey(service, account, factors)?),
        Demand::Nothing | Demand::Enrollment => (Vec::new(), None),
    };
    let (passkey_request_options, sealed_passkey_state) = passkey.unzip();
    let row = Model {
        hash: token.hash(),
        account_id: account,
        enrolls: factors.is_empty(),
        device,
        sealed_passkey_state,
        expire_time: service.clock.now().after(LIFE),
    };
    let challenge = SecondFactorChallenge {
        token: token.expose().to_owned(),
        enrollment_required: row.enrolls,
        expire_time: Some(row.expire_time.into()),
        factors: factors.into_iter().map(Into::into).collect(),
        passkey_request_options: passkey_request_options.unwrap_or_default(),
    };
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&**change).await?;
    Ok(challenge)
}

/// What the page asks authenticators for, and, sealed, what their answer is checked against. None if there is no passkey to ask for.
fn ask_for_passkey(
    service: &Identity,
    account: Uuid,
    factors: &Factors,
) -> Result<Option<(String, String)>, Error> {
    let asked = factors.accepted().contains(&SecondFactor::Passkey);
    let Some(relying_party) = service.relying_party.as_ref().filter(|_| asked) else { return Ok(None) };
    let question = relying_party.ask_to_show(&factors.passkeys)?;
    Ok(Some((question.options, passkey::seal(service, &purpose(account), &question.state)?)))
}

/// What the answer of a passkey to `challenge` is checked against, if one was asked for.
pub(crate) fn passkey_state(
    service: &Identity,
    challenge: &Model,
) -> Result<Option<DiscoverableAuthentication>, Error> {
    let Some(sealed) = &challenge.sealed_passkey_state else { return Ok(None) };
    Ok(Some(passkey::open(service, &purpose(challenge.account_id), sealed)?))
}

fn purpose(account: Uuid) -> String {
    format!("passkey beside the password of {account}")
}

/// The challenge with the token `text`. `enrolls` tells whether it must be one to enrol, or one to show what is enrolled.
///
/// # Errors
/// [`Error::ChallengeInvalid`]
pub(crate) async fn find(service: &Identity, text: &str, enrolls: bool) -> Result<Model, Error> {
    let presented = SecretToken::parse(text, TOKEN_PREFIX).ok_or(Error::ChallengeInvalid)?;
    let row = Entity::find_by_id(presented.hash())
        .filter(Column::Enrolls.eq(enrolls))
        .filter(Expr::col(Column::ExpireTime).gt(database::now(&*service.database)))
        .one(&*service.database)
        .await?;
    row.ok_or(Error::ChallengeInvalid)
}

/// Ends the challenge within `change`: it was answered.
///
/// # Errors
/// [`Error::ChallengeInvalid`] if somebody was faster, or the person's sessions were ended meanwhile.
pub(crate) async fn use_up(change: &Change, challenge: &Model) -> Result<(), Error> {
    let used = Entity::delete_by_id(challenge.hash.clone()).exec(&**change).await?;
    if used.rows_affected == 1 { Ok(()) } else { Err(Error::ChallengeInvalid) }
}

/// Ends all challenges of an account within `change`.
pub(crate) async fn end_all(change: &Change, account: Uuid) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::AccountId.eq(account)).exec(&**change).await?;
    Ok(())
}
