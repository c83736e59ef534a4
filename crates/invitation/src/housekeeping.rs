//! Reminders, and what is known of people destroyed in time. Part of what sweepers do; any number work side by side.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Query, SelectStatement};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_runtime::{Change, EmailAddress, Failure, SealingKey, Timestamp, database, idempotency};

use crate::entity::invitation::{Column, DeliveryState, Entity, Model, State};
use crate::entity::{acceptance, grant, token};
use crate::error::Error;
use crate::lifecycle::{self, Fact, tell_each};
use crate::{Invitation, limits};

/// How many invitations one round takes.
const BATCH: u64 = 100;
/// How long before the end somebody is reminded.
const REMINDER_LEAD: Duration = Duration::from_hours(48);
/// The shortest life of which somebody is reminded.
const REMINDED_LIFE: Duration = Duration::from_hours(96);

/// When somebody is reminded of an invitation that is sent, or begins another life, at `now`. Not if that is short, and not if
/// no mail was ever asked for.
pub(crate) fn remind_time(now: Timestamp, expire_time: Timestamp, send_count: i32) -> Option<Timestamp> {
    let lives_long = now.after(REMINDED_LIFE) <= expire_time;
    (lives_long && send_count > 0).then(|| expire_time.before(REMINDER_LEAD))
}

/// The form of an address that tells equal ones and nothing else.
pub(crate) fn purged_address(key: &SealingKey, canonical: &str) -> String {
    let hash = key.fingerprint("purged address", &[canonical.as_bytes()]);
    let half = hash.first_chunk().copied().unwrap_or_default();
    format!("purged:{}", Uuid::from_bytes(half).simple())
}

/// Has those reminded for whom it is time, each once. Returns how many.
pub(crate) async fn remind(service: &Invitation) -> Result<u64, Error> {
    let change = service.database.change().await?;
    let due = || {
        lifecycle::free_and_pending(&*change)
            .add(Expr::col(Column::RemindTime).lte(database::now(&*change)))
            // Another mail to that address would not arrive either.
            .add(Column::DeliveryState.ne(DeliveryState::Failed))
    };
    let rows = Entity::update_many()
        .col_expr(Column::RemindTime, Expr::value(None::<i64>))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.in_subquery(oldest(due(), Column::RemindTime)))
        // Of two sweepers, the second finds the time gone when it gets to the row.
        .filter(due())
        .exec_with_returning(&*change)
        .await?;
    let emails = rows.iter().map(|row| row.email.parse()).collect::<Result<Vec<EmailAddress>, _>>();
    let emails = emails.map_err(Failure::internal)?;
    // It counts as any mail to the person.
    let may = limits::take_mails(service, &change, &emails.iter().collect::<Vec<_>>()).await?;
    let grants = grant::of_invitations(&*change, rows.iter().map(|row| row.id)).await?;
    let facts = rows.iter().zip(may).map(|(row, notify)| {
        (row, grants.get(&row.id).map_or(&[][..], Vec::as_slice), Fact::ReminderDue { notify })
    });
    lifecycle::tell_all(service, &change, facts).await?;
    if !rows.is_empty() {
        change.commit().await?;
    }
    Ok(rows.len() as u64)
}

/// Destroys what is known of the persons of invitations whose time has come. Returns how many.
pub(crate) async fn purge(service: &Invitation) -> Result<u64, Error> {
    let change = service.database.change().await?;
    let due = Condition::all()
        .add(Column::Purged.eq(false))
        .add(Column::State.ne(State::Pending))
        .add(Expr::col(Column::PurgeTime).lte(database::now(&*change)));
    let rows = Entity::find()
        .filter(due)
        .order_by_asc(Column::PurgeTime)
        .limit(BATCH)
        // What another sweeper is about to purge is purged when the lock is given, and found again by nobody.
        .lock_exclusive()
        .all(&*change)
        .await?;
    let mut purged = Vec::with_capacity(rows.len());
    for row in rows.iter().filter(|row| !row.purged) {
        purged.push(forget(service, &change, row).await?);
    }
    tell_each(service, &change, &purged, Fact::Purged).await?;
    if !purged.is_empty() {
        change.commit().await?;
    }
    Ok(purged.len() as u64)
}

/// Forgets the answers to requests that were asked long ago: they hold what the invitations of that time held. Returns how many.
pub(crate) async fn forget_answers(service: &Invitation) -> Result<u64, Error> {
    let before = service.clock.now().before(service.config.retention);
    Ok(idempotency::forget(&*service.database, before).await?)
}

async fn forget(service: &Invitation, change: &Change, row: &Model) -> Result<Model, Error> {
    let address = purged_address(&service.sealing, &row.email_canonical);
    let forgotten = Entity::update_many()
        .col_expr(Column::Email, Expr::value(address.as_str()))
        .col_expr(Column::EmailCanonical, Expr::value(address.as_str()))
        .col_expr(Column::DisplayName, Expr::value(""))
        .col_expr(Column::Message, Expr::value(""))
        .col_expr(Column::Annotations, Expr::value("{}"))
        .col_expr(Column::Purged, Expr::value(true))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(service.clock.now()))
        .filter(Column::Id.eq(row.id))
        .exec_with_returning(&**change)
        .await?;
    grant::Entity::update_many()
        .col_expr(grant::Column::EmailCanonical, Expr::value(address.as_str()))
        .filter(grant::Column::InvitationId.eq(row.id))
        .exec(&**change)
        .await?;
    acceptance::Entity::update_many()
        .col_expr(acceptance::Column::SourceAddress, Expr::value(None::<String>))
        .filter(acceptance::Column::InvitationId.eq(row.id))
        .exec(&**change)
        .await?;
    token::Entity::delete_many().filter(token::Column::InvitationId.eq(row.id)).exec(&**change).await?;
    Ok(forgotten.into_iter().next().ok_or(Failure::ConcurrentChange)?)
}

/// The ids of the first rows for which `due` holds.
fn oldest(due: Condition, by: Column) -> SelectStatement {
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(due)
        .order_by(by, sea_orm::Order::Asc)
        .limit(BATCH)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use usher_runtime::Random;

    use super::*;

    #[test]
    fn a_long_life_is_reminded_of_two_days_before_its_end() {
        let now = Timestamp(1_000_000_000);
        let in_hours = |hours| now.after(Duration::from_hours(hours));
        assert_eq!(remind_time(now, in_hours(96), 1), Some(in_hours(48)));
        assert_eq!(remind_time(now, in_hours(168), 2), Some(in_hours(120)));
        assert_eq!(remind_time(now, in_hours(95), 1), None);
        assert_eq!(remind_time(now, in_hours(168), 0), None, "nobody was mailed");
    }

    #[test]
    fn equal_addresses_are_equal_when_purged() {
        let key = SealingKey::generate(&Random::system());
        let purged = |address| purged_address(&key, address);
        assert_eq!(purged("ana@example.com"), purged("ana@example.com"));
        assert_ne!(purged("ana@example.com"), purged("bo@example.com"));
        assert!(purged("ana@example.com").len() == "purged:".len() + 32);
    }
}
