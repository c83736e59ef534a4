//! Guessing passwords and codes: how many guesses there are for an address, and from one source.
//!
//! An attempt is counted before its password is looked at, so that fifty at once are no more guesses than fifty in a row; as long as
//! it is being looked at, it takes the place of a failure, of its address and of its source, and more than there are places for wait.
//! What is counted commits by itself. An address without an account is locked like any other.

mod target;

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU16;
use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::Select;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use serde::{Deserialize, Serialize};
use usher_runtime::{Change, EmailAddress, Failure, Timestamp, database};

use crate::entity::account_mail::Kind;
use crate::entity::sign_in::{ActiveModel, Column, Entity, Model, Outcome};
use crate::entity::{account::Model as Account, sign_in_guard as guard};
use crate::error::Error;
use crate::session::Whereabouts;
use crate::throttle::Limit;
use crate::{Identity, account_mail};

pub(crate) use target::Target;

/// `[identity.lockout]`: how many passwords may be tried.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LockoutConfig {
    /// So many failures in a row lock an account, at least 1.
    pub failures: NonZeroU16,
    /// Within how long.
    #[serde(with = "humantime_serde")]
    pub within: Duration,
    /// For how long.
    #[serde(with = "humantime_serde")]
    pub duration: Duration,
    /// So many failures from one source, an IPv4 address or a /64 of IPv6, are the most within `source_within`. Far more than
    /// people behind one address make by mistake, far less than guessing needs.
    pub source_failures: NonZeroU16,
    /// See `source_failures`.
    #[serde(with = "humantime_serde")]
    pub source_within: Duration,
}

impl Default for LockoutConfig {
    fn default() -> Self {
        Self {
            failures: const { NonZeroU16::new(5).unwrap() },
            within: Duration::from_mins(1),
            duration: Duration::from_mins(30),
            source_failures: const { NonZeroU16::new(100).unwrap() },
            source_within: Duration::from_mins(10),
        }
    }
}

/// How long an attempt takes a place at most: far longer than a password is looked at. Then its process is gone.
const PLACE_LIFE: Duration = Duration::from_secs(30);
/// How often those who wait look whether there is a place, and how often at most: 10 seconds.
const WAIT: Duration = Duration::from_millis(50);
const MOST_WAITS: usize = 200;

/// An attempt whose password, or second factor, is being looked at.
#[derive(Debug)]
pub(crate) struct Attempt {
    row: Model,
    /// How long failures count.
    within: Duration,
}

/// Counts an attempt.
///
/// # Errors
/// [`Error::SignInLocked`], [`Error::SignInThrottled`]
pub(crate) async fn begin(
    service: &Identity,
    target: Target<'_>,
    whereabouts: &Whereabouts,
) -> Result<Attempt, Error> {
    for _ in 0..MOST_WAITS {
        require_quiet_source(service, whereabouts.source).await?;
        if let Some(attempt) = take_place(service, &target, whereabouts).await? {
            return Ok(attempt);
        }
        tokio::time::sleep(WAIT).await;
    }
    Err(Failure::Overloaded.into())
}

/// The attempt, if there is a place for it.
async fn take_place(
    service: &Identity,
    target: &Target<'_>,
    whereabouts: &Whereabouts,
) -> Result<Option<Attempt>, Error> {
    let change = service.database.change().await?;
    let (key, within) = (target.key(service), target.within(service));
    let guard = hold(&change, &key).await?;
    let now = guard.hold_time;
    if let Some(unlock_time) = guard.unlock_time.filter(|unlock_time| *unlock_time > now) {
        return Err(Error::SignInLocked { unlock_time });
    }
    let of_key = Column::AddressKey.eq(key.as_slice());
    let pending = Entity::find().filter(of_key).filter(is_pending(now)).count(&*change).await?;
    let taken = pending + failures(&change, &guard, within).await?;
    if taken >= u64::from(service.config.lockout.failures.get())
        || !has_place_for_source(service, &change, whereabouts.source, now).await?
    {
        return Ok(None);
    }
    let row = insert(service, &change, (key, now), whereabouts).await?;
    change.commit().await?;
    Ok(Some(Attempt { row, within }))
}

/// Attempts that are being looked at.
fn is_pending(now: Timestamp) -> Expr {
    Column::Outcome.eq(Outcome::Pending).and(Column::CreateTime.gt(now.before(PLACE_LIFE)))
}

/// Counts, within `change`, somebody in whom an identity provider vouches for.
pub(crate) async fn arrive(
    service: &Identity,
    change: &Change,
    account: &Account,
    whereabouts: &Whereabouts,
) -> Result<Attempt, Error> {
    let target = Target::Provider(account.name());
    let guard = hold(change, &target.key(service)).await?;
    let row = insert(service, change, (guard.address_key, guard.hold_time), whereabouts).await?;
    Ok(Attempt { row, within: target.within(service) })
}

async fn insert(
    service: &Identity,
    change: &Change,
    (address_key, now): (Vec<u8>, Timestamp),
    whereabouts: &Whereabouts,
) -> Result<Model, DbErr> {
    let row = Model {
        id: service.random.uuid(service.clock.now()),
        address_key,
        account_id: None,
        outcome: Outcome::Pending,
        device: whereabouts.device.clone(),
        source: whereabouts.source.map(|source| source.to_string()).unwrap_or_default(),
        source_range: whereabouts.source.map(range).unwrap_or_default(),
        create_time: now,
    };
    Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&**change).await?;
    Ok(row)
}

impl Attempt {
    /// When it began, by the database's clock.
    pub(crate) fn time(&self) -> Timestamp {
        self.row.create_time
    }

    /// Notes within `change` that it was right. Earlier failures count no longer. Whoever signed in to `account` sees it among his
    /// sign-ins.
    pub(crate) async fn succeed(self, change: &Change, account: Option<&Account>) -> Result<(), Error> {
        self.pass(change, account, Outcome::Succeeded).await
    }

    /// Notes within `change` that it was right, and that a second factor is asked for.
    pub(crate) async fn challenge(self, change: &Change, account: &Account) -> Result<(), Error> {
        self.pass(change, Some(account), Outcome::Challenged).await
    }

    async fn pass(self, change: &Change, account: Option<&Account>, outcome: Outcome) -> Result<(), Error> {
        let guard = hold(change, &self.row.address_key).await?;
        self.settle(change, account, outcome).await?;
        reset(change, &guard, None).await
    }

    /// Gives up `change`, and gives its place back: for `refusal`, whether it was right was not the question in the end. Returns the
    /// refusal.
    pub(crate) async fn withdraw(self, service: &Identity, change: Change, refusal: Error) -> Error {
        // Where there is one writer, it would wait for itself.
        drop(change);
        let deleted = Entity::delete_by_id(self.row.id).exec(&*service.database).await;
        deleted.map_or_else(Error::from, |_| refusal)
    }

    /// Notes that it was wrong, and locks the address if that was once too often. That is told to `mailbox`, if it has an account;
    /// what is done here is the same if it has none.
    pub(crate) async fn fail(
        self,
        service: &Identity,
        account: Option<&Account>,
        mailbox: Option<&EmailAddress>,
    ) -> Result<(), Error> {
        let change = service.database.change().await?;
        let guard = hold(&change, &self.row.address_key).await?;
        let before = failures(&change, &guard, self.within).await?;
        let lockout = &service.config.lockout;
        let locks = before + 1 >= u64::from(lockout.failures.get());
        let outcome = if locks { Outcome::Locked } else { Outcome::Failed };
        self.settle(&change, account, outcome).await?;
        if locks {
            reset(&change, &guard, Some(guard.hold_time.after(lockout.duration))).await?;
            if let Some(email) = mailbox {
                account_mail::notify_mailbox(service, &change, Kind::AccountLocked, email).await?;
            }
            tracing::warn!(user = ?account.map(Account::name), "signing in locked after failures");
        }
        change.commit().await?;
        Ok(())
    }

    async fn settle(
        &self,
        change: &Change,
        account: Option<&Account>,
        outcome: Outcome,
    ) -> Result<(), Error> {
        Entity::update_many()
            .col_expr(Column::Outcome, Expr::value(outcome))
            .col_expr(Column::AccountId, Expr::value(account.map(|account| account.id)))
            .filter(Column::Id.eq(self.row.id))
            .exec(&**change)
            .await?;
        Ok(())
    }
}

/// Unlocks signing in with `email`, whose mailbox was proven, within `change`.
pub(crate) async fn lift(service: &Identity, change: &Change, email: &EmailAddress) -> Result<(), Error> {
    let guard = hold(change, &Target::SignIn(email).key(service)).await?;
    reset(change, &guard, None).await
}

/// Until when signing in with `email` is locked, if it was.
pub(crate) async fn unlock_time(
    service: &Identity,
    email: &EmailAddress,
) -> Result<Option<Timestamp>, Error> {
    let key = Target::SignIn(email).key(service);
    let guard = guard::Entity::find_by_id(key).one(&*service.database).await?;
    Ok(guard.and_then(|guard| guard.unlock_time))
}

/// Waits for other attempts with the same address, keeps them waiting until `change` ends, and tells what time it is.
pub(crate) async fn hold(change: &Change, key: &[u8]) -> Result<guard::Model, Error> {
    let row = guard::ActiveModel {
        address_key: Set(key.to_owned()),
        hold_time: Set(Timestamp(0)),
        reset_time: Set(Timestamp(0)),
        unlock_time: Set(None),
    };
    let there = OnConflict::new().do_nothing().to_owned();
    guard::Entity::insert(row).on_conflict(there).exec_without_returning(&**change).await?;
    // After the wait, which may have been long.
    let held = guard::Entity::update_many()
        .col_expr(guard::Column::HoldTime, database::now(&**change))
        .filter(guard::Column::AddressKey.eq(key))
        .exec_with_returning(&**change)
        .await?;
    let held = held.into_iter().next();
    Ok(held.ok_or_else(|| Failure::internal("a held guard is gone"))?)
}

/// Failures that count.
async fn failures(change: &Change, guard: &guard::Model, within: Duration) -> Result<u64, Error> {
    let since = Ord::max(guard.hold_time.before(within), guard.reset_time);
    let failed = Entity::find()
        .filter(Column::AddressKey.eq(guard.address_key.as_slice()))
        .filter(Column::Outcome.eq(Outcome::Failed))
        .filter(Column::CreateTime.gt(since));
    Ok(failed.count(&**change).await?)
}

/// Forgets the failures, and locks the address until `unlock_time`, if there is one.
async fn reset(change: &Change, guard: &guard::Model, unlock_time: Option<Timestamp>) -> Result<(), Error> {
    guard::Entity::update_many()
        .col_expr(guard::Column::ResetTime, Expr::value(guard.hold_time))
        .col_expr(guard::Column::UnlockTime, Expr::value(unlock_time))
        .filter(guard::Column::AddressKey.eq(guard.address_key.as_slice()))
        .exec(&**change)
        .await?;
    Ok(())
}

/// Refuses a source of too many failures.
async fn require_quiet_source(service: &Identity, source: Option<IpAddr>) -> Result<(), Error> {
    let Some(source) = source else { return Ok(()) };
    let limit = source_limit(service);
    let wait = limit.wait(&*service.database, failures_from(source), Column::CreateTime).await?;
    wait.map_or(Ok(()), |wait| Err(Error::SignInThrottled(limit.met("source", wait))))
}

/// Whether another attempt from `source` may begin beside those that are being looked at. Others from there wait until `change`
/// ends.
async fn has_place_for_source(
    service: &Identity,
    change: &Change,
    source: Option<IpAddr>,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(source) = source else { return Ok(true) };
    hold_source(service, change, "sign-in source", source).await?;
    let limit = source_limit(service);
    let failed = is_failure().and(Column::CreateTime.gt(now.before(limit.within)));
    // In one look: an attempt that fails meanwhile holds its address only, and would be seen by neither of two.
    let taken = Entity::find().filter(from(source)).filter(failed.or(is_pending(now)));
    Ok(taken.count(&**change).await? < limit.most)
}

fn source_limit(service: &Identity) -> Limit {
    let LockoutConfig { source_failures, source_within, .. } = service.config.lockout;
    Limit { name: "FAILURES_FROM_SOURCE", most: source_failures.get().into(), within: source_within }
}

fn failures_from(source: IpAddr) -> Select<Entity> {
    Entity::find().filter(from(source)).filter(is_failure())
}

fn is_failure() -> Expr {
    Column::Outcome.is_in([Outcome::Failed, Outcome::Locked])
}

fn from(source: IpAddr) -> Expr {
    Column::SourceRange.eq(range(source))
}

/// Makes others from the same source wait who want to do the same, until `change` ends.
pub(crate) async fn hold_source(
    service: &Identity,
    change: &Change,
    what: &str,
    source: IpAddr,
) -> Result<(), Error> {
    let key = service.sealing.fingerprint(what, &[range(source).as_bytes()]);
    hold(change, &key).await?;
    Ok(())
}

/// Whoever has an IPv6 address usually has all of its /64.
pub(crate) fn range(source: IpAddr) -> String {
    match source {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_within_a_minute_lock_for_half_an_hour() {
        let LockoutConfig { failures, within, duration, .. } = LockoutConfig::default();
        assert_eq!((failures.get(), within.as_secs(), duration.as_secs()), (5, 60, 1_800));
    }

    #[test]
    fn neighbours_in_a_range_are_one_source() {
        let range = |text: &str| range(text.parse().unwrap());
        assert_eq!(range("2001:db8:1:2:3:4:5:6"), range("2001:db8:1:2:ffff::1"));
        assert_ne!(range("2001:db8:1:2::1"), range("2001:db8:1:3::1"));
        assert_ne!(range("203.0.113.7"), range("203.0.113.8"));
    }
}
