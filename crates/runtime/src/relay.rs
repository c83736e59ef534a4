//! Carries events from a service's outbox to the event bus.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::DbErr;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use tokio_util::sync::CancellationToken;

use crate::clock::micros;
use crate::event::{Receipt, Sending};
use crate::outbox::{Column, Entity, Model};
use crate::rpc::error_chain;
use crate::{Database, Event, EventBus, Timestamp, database, meters, queue, reconciler};

/// How many rows a relay takes at a time: so many that what a statement costs by itself does not count.
const BATCH: u64 = 1_000;
/// How often the relay looks without having been woken: for rows of a process that died, and for leases that ended.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait before a row that could not be published is tried again.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// Publishes what `database` holds until `stop`, and publishes again what the bus lost. Any number of relays work side by side;
/// each row is published at least once, and in the order of the changes unless something fails.
pub async fn run(database: Database, bus: EventBus, service: &'static str, stop: CancellationToken) {
    tokio::join!(publish(&database, &bus, service, &stop), reconciler::run(&database, &bus, service, &stop),);
}

async fn publish(database: &Database, bus: &EventBus, service: &'static str, stop: &CancellationToken) {
    let recorded = database.events_recorded();
    let relay = Relay { database, bus, service };
    let mut under_way = None;
    while !stop.is_cancelled() {
        // While the bus takes what was sent, the next events are claimed; they are sent behind, so that the order stays.
        let (claimed, ()) = tokio::join!(claim(database, bus.lease()), relay.settle(under_way.take()));
        let rows = claimed.unwrap_or_else(|error| {
            tracing::warn!(service, %error, "relay cannot read the outbox");
            Vec::new()
        });
        let full = rows.len() as u64 == BATCH;
        if !rows.is_empty() {
            under_way = Some(relay.send(rows).await);
        }
        if !full {
            relay.settle(under_way.take()).await;
            wait(&recorded, stop).await;
        }
    }
    relay.settle(under_way).await;
}

async fn wait(recorded: &tokio::sync::Notify, stop: &CancellationToken) {
    tokio::select! {
        () = recorded.notified() => {}
        () = tokio::time::sleep(POLL_INTERVAL) => {}
        () = stop.cancelled() => {}
    }
}

/// What carries the events of a service.
struct Relay<'a> {
    database: &'a Database,
    bus: &'a EventBus,
    service: &'static str,
}

/// Rows that were sent, each with how often it was taken.
struct UnderWay {
    places: Vec<(Uuid, i32)>,
    sending: Sending,
}

impl Relay<'_> {
    async fn send(&self, rows: Vec<Model>) -> UnderWay {
        let places = rows.iter().map(|row| (row.id, row.attempts)).collect();
        let events = rows.into_iter().map(|row| Event::new(self.service, row)).collect();
        UnderWay { places, sending: self.bus.send(events).await }
    }

    /// Waits for what becomes of rows that were sent, and writes it down. What cannot be written down is sent again.
    async fn settle(&self, under_way: Option<UnderWay>) {
        let Some(under_way) = under_way else { return };
        if let Err(error) = self.mark(under_way).await {
            let service = self.service;
            tracing::warn!(service, %error, "relay cannot write down what was published, and publishes it again");
        }
    }

    async fn mark(&self, UnderWay { places, sending }: UnderWay) -> Result<(), DbErr> {
        let mut published = Published::default();
        let mut failed: BTreeMap<i32, Vec<Uuid>> = BTreeMap::new();
        for ((id, attempts), outcome) in places.into_iter().zip(self.bus.outcomes(sending).await) {
            meters::publication(self.service, outcome.is_ok());
            match outcome {
                Ok(receipt) => published.add(id, receipt),
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(event_id = %id, attempts, error, "event {id} waits: it cannot be published");
                    failed.entry(attempts).or_default().push(id);
                }
            }
        }
        published.mark(self.database).await?;
        for (attempts, ids) in failed {
            put_off(self.database, ids, attempts).await?;
        }
        Ok(())
    }
}

/// The rows that the bus took, by how far they are.
#[derive(Default)]
struct Published {
    consumed: Vec<Uuid>,
    /// By stream, told by its time: the rows, and the last place that one of them got.
    stored: BTreeMap<Timestamp, (Vec<Uuid>, i64)>,
}

impl Published {
    fn add(&mut self, id: Uuid, receipt: Receipt) {
        match receipt {
            Receipt::Consumed => self.consumed.push(id),
            Receipt::Stored { stream_time, sequence } => {
                let (ids, last) = self.stored.entry(stream_time).or_default();
                ids.push(id);
                *last = Ord::max(*last, sequence);
            }
        }
    }

    /// One statement for all rows of a stream: each is told the place of the last, which only makes its confirmation wait for
    /// that of the others.
    async fn mark(self, database: &Database) -> Result<(), DbErr> {
        let now = || database::now(&**database);
        let rows =
            |ids| Entity::update_many().col_expr(Column::PublishTime, now()).filter(Column::Id.is_in(ids));
        if !self.consumed.is_empty() {
            rows(self.consumed).col_expr(Column::ConfirmTime, now()).exec(&**database).await?;
        }
        for (stream_time, (ids, last)) in self.stored {
            rows(ids)
                .col_expr(Column::StreamTime, Expr::value(stream_time))
                .col_expr(Column::StreamSequence, Expr::value(last))
                .exec(&**database)
                .await?;
        }
        Ok(())
    }
}

/// Takes up to [`BATCH`] rows that are due. Of a row that another relay took meanwhile, `available_time` is moved.
async fn claim(database: &Database, lease: Duration) -> Result<Vec<Model>, DbErr> {
    let now = || database::now(&**database);
    let due = Column::PublishTime.is_null().and(Expr::col(Column::AvailableTime).lte(now()));
    let waiting = Entity::find()
        .filter(due.clone())
        .order_by_asc(Column::OccurTime)
        .order_by_asc(Column::Id)
        .limit(BATCH);
    let change = Entity::update_many()
        .col_expr(Column::AvailableTime, now().add(micros(lease)))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(due);
    let mut rows = queue::take(&**database, Column::Id, waiting, change).await?;
    rows.sort_by_key(|row| (row.occur_time, row.id));
    Ok(rows)
}

/// Makes rows wait that were taken so often: twice as long after every failure.
async fn put_off(database: &Database, ids: Vec<Uuid>, attempts: i32) -> Result<(), DbErr> {
    let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(0);
    let delay = Duration::from_millis(500).saturating_mul(1 << doublings).min(LONGEST_DELAY);
    Entity::update_many()
        .col_expr(Column::AvailableTime, database::now(&**database).add(micros(delay)))
        .filter(Column::Id.is_in(ids))
        .exec(&**database)
        .await?;
    Ok(())
}
