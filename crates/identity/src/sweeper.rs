//! What comes with time: rows that nobody needs any more go. Any number of sweepers work side by side.

use std::time::Duration;

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use tokio_util::sync::CancellationToken;
use usher_runtime::clock::micros;
use usher_runtime::{database, idempotency};

use crate::entity::{account_mail, challenge, session, sign_in, sign_in_guard, sign_on, totp_enrollment};
use crate::error::Error;
use crate::{Identity, api_key, purge};

/// How long people can look at how it was tried to sign in.
const SIGN_IN_LIFE: Duration = Duration::from_hours(90 * 24);
/// How long a session that ended is known to have been one.
const ENDED_SESSION_LIFE: Duration = Duration::from_hours(30 * 24);
/// How long an API key that was revoked or has expired is known to have been one. As long at least as the community service lists it.
const ENDED_KEY_LIFE: Duration = Duration::from_hours(400 * 24);
/// How long a guard stays that nobody met. Far longer than failures count and locks last, unless an operator makes them so.
const GUARD_LIFE: Duration = Duration::from_hours(2 * 24);
/// How long a mail is known after its time is over.
const MAIL_LIFE: Duration = Duration::from_hours(7 * 24);
/// How long a repeated request gets the first answer. Clients give up long before, and answers tell of accounts.
const ANSWER_LIFE: Duration = Duration::from_hours(7 * 24);
/// How many rows go in one statement.
const BATCH: u64 = 1_000;

/// Sweeps until `stop`.
pub(crate) async fn run(service: Identity, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = sweep(&service).await {
            let error = usher_runtime::rpc::error_chain(&error);
            tracing::warn!(error, "the sweep of accounts broke off; it is tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(service.config.sweep_interval) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn sweep(service: &Identity) -> Result<(), Error> {
    purge::destroy_deleted_accounts(service).await?;
    let old = |column: Expr, life: Duration| {
        Condition::all().add(column.lt(database::now(&*service.database).sub(micros(life))))
    };
    let tried = Expr::col(sign_in::Column::CreateTime);
    forget::<sign_in::Entity, Uuid>(service, sign_in::Column::Id, old(tried, SIGN_IN_LIFE)).await?;
    let over = Condition::any()
        .add(old(Expr::col(session::Column::EndTime), ENDED_SESSION_LIFE))
        .add(old(Expr::col(session::Column::ExpireTime), ENDED_SESSION_LIFE));
    forget::<session::Entity, Uuid>(service, session::Column::Id, over).await?;
    let old_mail = old(Expr::col(account_mail::Column::ExpireTime), MAIL_LIFE);
    forget::<account_mail::Entity, Uuid>(service, account_mail::Column::Id, old_mail).await?;
    let answered = old(Expr::col(idempotency::Column::CreateTime), ANSWER_LIFE);
    idempotency::Entity::delete_many().filter(answered).exec(&*service.database).await?;
    api_key::sweep(service, ENDED_KEY_LIFE).await?;
    let late = old(Expr::col(sign_on::Column::ExpireTime), Duration::ZERO);
    forget::<sign_on::Entity, Vec<u8>>(service, sign_on::Column::StateHash, late).await?;
    let unanswered = old(Expr::col(challenge::Column::ExpireTime), Duration::ZERO);
    forget::<challenge::Entity, Vec<u8>>(service, challenge::Column::Hash, unanswered).await?;
    let unconfirmed = old(Expr::col(totp_enrollment::Column::ExpireTime), Duration::ZERO);
    forget::<totp_enrollment::Entity, Uuid>(service, totp_enrollment::Column::AccountId, unconfirmed).await?;
    let lockout = &service.config.lockout;
    let guard_life = GUARD_LIFE.max(lockout.within).max(lockout.duration);
    let held = Expr::col(sign_in_guard::Column::HoldTime);
    let key = sign_in_guard::Column::AddressKey;
    Ok(forget::<sign_in_guard::Entity, Vec<u8>>(service, key, old(held, guard_life)).await?)
}

/// Deletes the rows of `which`, a batch at a time, so that nobody waits long for the locks.
async fn forget<E, K>(service: &Identity, key: E::Column, which: Condition) -> Result<(), DbErr>
where
    E: EntityTrait,
    K: sea_orm::TryGetable + Into<sea_orm::Value> + Send,
{
    loop {
        let keys: Vec<K> = E::find()
            .select_only()
            .column(key)
            .filter(which.clone())
            .limit(BATCH)
            .into_tuple()
            .all(&*service.database)
            .await?;
        if keys.is_empty() {
            return Ok(());
        }
        // What was used meanwhile is not of `which` any more.
        E::delete_many().filter(key.is_in(keys)).filter(which.clone()).exec(&*service.database).await?;
    }
}
