//! Sign-ins that wait for a second factor.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::identity::SecondFactorChallenge;
use usher_runtime::{Change, SecretToken, database};

use super::Demand;
use crate::Identity;
use crate::entity::challenge::{ActiveModel, Column, Entity, Model};
use crate::error::Error;

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
    let factors = match demand {
        Demand::Proof(accepted) => accepted.iter().map(|factor| (*factor).into()).collect(),
        Demand::Nothing | Demand::Enrollment => Vec::new(),
    };
    let row = Model {
        hash: token.hash(),
        account_id: account,
        enrolls: factors.is_empty(),
        device,
        expire_time: service.clock.now().after(LIFE),
    };
    let challenge = SecondFactorChallenge {
        token: token.expose().to_owned(),
        enrollment_required: row.enrolls,
        expire_time: Some(row.expire_time.into()),
        factors,
    };
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&**change).await?;
    Ok(challenge)
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
