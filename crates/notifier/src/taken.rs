//! Deliveries that a sender has taken: set to SENDING with a lease, and that committed before a word is said to the mail server.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use usher_runtime::clock::micros;
use usher_runtime::{database, queue};

use crate::Notifier;
use crate::entity::delivery::{Column, Entity, Model, State};
use crate::lease::Lease;
use crate::places::Permit;

/// How often a lease is renewed while it lasts.
const RENEWALS: u32 = 4;

/// A delivery that is this process's to send, as long as it renews the lease, which it does until this is dropped.
pub(crate) struct Taken {
    pub(crate) row: Model,
    pub(crate) lease: Lease,
    /// A place among the mails to its domain, if that was known.
    pub(crate) place: Option<Permit>,
    _held: DropGuard,
}

impl Taken {
    fn new(service: &Notifier, row: Model, asked: Instant, place: Option<Permit>) -> Self {
        let (lease, done) = (Lease::new(asked, service.config.lease), CancellationToken::new());
        tokio::spawn(hold(service.clone(), row.clone(), lease.clone(), done.clone()));
        Self { row, lease, place, _held: done.drop_guard() }
    }
}

/// Takes up to `most` deliveries that are due. One that two senders see goes to one of them. What was taken before the database went
/// away is returned too: it would wait for its lease otherwise.
pub(crate) async fn take(service: &Notifier, most: usize) -> Vec<Taken> {
    let mut taken = Vec::new();
    if most > 0
        && let Err(error) = take_into(&mut taken, service, most).await
    {
        tracing::warn!(%error, "sender cannot read the deliveries");
    }
    taken
}

async fn take_into(taken: &mut Vec<Taken>, service: &Notifier, most: usize) -> Result<(), DbErr> {
    // Those whose domain was crowded when they were taken before: as many as there are places.
    for domain in waiting_domains(service, most).await? {
        let free = (service.domains.free(&domain) as usize).min(most - taken.len());
        let asked = Instant::now();
        for row in claim(service, Column::DomainKey.eq(domain.clone()), free).await? {
            let place = service.domains.enter(&domain);
            taken.push(Taken::new(service, row, asked, place));
        }
    }
    let asked = Instant::now();
    let others = claim(service, Column::DomainKey.is_null(), most - taken.len()).await?;
    taken.extend(others.into_iter().map(|row| Taken::new(service, row, asked, None)));
    Ok(())
}

/// Up to `most` domains with places for mails that had to wait for one, those that wait longest first.
async fn waiting_domains(service: &Notifier, most: usize) -> Result<Vec<Vec<u8>>, DbErr> {
    let connection = &*service.database;
    Entity::find()
        .select_only()
        .column(Column::DomainKey)
        .filter(due(connection))
        .filter(Column::DomainKey.is_not_null())
        .filter(Column::DomainKey.is_not_in(service.domains.crowded()))
        .group_by(Column::DomainKey)
        .order_by_asc(Column::AvailableTime.min())
        .limit(most as u64)
        .into_tuple()
        .all(connection)
        .await
}

/// Takes up to `most` of `those` that are due.
async fn claim(service: &Notifier, those: Expr, most: usize) -> Result<Vec<Model>, DbErr> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let connection = &*service.database;
    let due = due(connection).add(those);
    let oldest = Entity::find().filter(due.clone()).order_by_asc(Column::AvailableTime).limit(most as u64);
    let change = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Sending))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::AvailableTime, database::now(connection).add(micros(service.config.lease)))
        .filter(due);
    queue::take(connection, Column::Id, oldest, change).await
}

fn due(connection: &impl sea_orm::ConnectionTrait) -> Condition {
    Condition::all()
        .add(Column::State.is_in([State::Queued, State::Sending, State::Deferred]))
        .add(Expr::col(Column::AvailableTime).lte(database::now(connection)))
}

/// Renews the lease until `done`: a mail server may take its time.
async fn hold(service: Notifier, row: Model, lease: Lease, done: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(lease.length() / RENEWALS) => {}
            () = done.cancelled() => return,
        }
        let asked = Instant::now();
        let lease_end = database::now(&*service.database).add(micros(lease.length()));
        let renewal = Entity::update_many()
            .col_expr(Column::AvailableTime, lease_end)
            .filter(still_taken(&row))
            .exec(&*service.database)
            .await;
        match renewal {
            Ok(renewed) if renewed.rows_affected == 0 => return lease.lose(),
            Ok(_) => lease.renew(asked),
            Err(error) => {
                tracing::warn!(delivery = %row.id, %error, "the lease of delivery {} is not renewed", row.id);
            }
        }
    }
}

/// Whether the delivery is still at the attempt that this sender took it for.
pub(crate) fn still_taken(row: &Model) -> Condition {
    Condition::all()
        .add(Column::Id.eq(row.id))
        .add(Column::State.eq(State::Sending))
        .add(Column::Attempts.eq(row.attempts))
}

/// Lets a delivery wait for `pause` as if nobody had taken it: what stands in its way has nothing to do with it.
pub(crate) async fn put_back(
    service: &Notifier,
    row: &Model,
    why: &str,
    domain_key: Option<Vec<u8>>,
    pause: Duration,
) -> Result<(), DbErr> {
    let connection = &*service.database;
    // It is at its first attempt if it never waited for another.
    let state = if row.attempts == 1 { State::Queued } else { State::Deferred };
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))
        .col_expr(Column::LastError, Expr::value(why))
        .col_expr(Column::DomainKey, Expr::value(domain_key.or_else(|| row.domain_key.clone())))
        .col_expr(Column::AvailableTime, database::now(connection).add(micros(pause)))
        .filter(still_taken(row))
        .exec(connection)
        .await?;
    Ok(())
}
