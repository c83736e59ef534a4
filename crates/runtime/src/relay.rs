//! Carries events from a service's outbox to the event bus.

pub(crate) mod turn;

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::DbErr;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::micros;
use crate::event::{Receipt, Sending};
use crate::keyset::{Cursor, Direction, Key};
use crate::outbox::{Column, Entity, Model};
use crate::rpc::error_chain;
use crate::{Database, Event, EventBus, Random, Timestamp, Workers, database, meters, reconciler};
use turn::Turn;

/// How many rows a relay takes at a time: so many that what a statement costs by itself does not count.
const BATCH: u64 = 1_000;
/// How many times that may be on its way: while NATS and the disk have some, others are read and sent.
const UNSETTLED: usize = 4;
/// How often the relay looks without having been woken: for rows that another wrote and did not publish.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How soon the relay looks again while another has the turn, which may have looked just before the last row was written. The wait
/// doubles, for there may be much to publish.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// The longest wait before a row that could not be published is tried again.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// Publishes what `database` holds, and publishes again what the bus lost, as workers. Any number of processes do this side by side;
/// each row is published at least once, and in the order of the changes unless something fails.
pub fn start(service: &'static str, database: &Database, bus: &EventBus, random: &Random, workers: &Workers) {
    let holder = Uuid::from_bytes(random.bytes());
    let relay = Relay { database: database.clone(), bus: bus.clone(), service, holder };
    workers.spawn("relay", move |stop| {
        let relay = relay.clone();
        async move {
            let reconciling = reconciler::run(&relay.database, &relay.bus, service, &stop);
            tokio::join!(relay.run(&stop), reconciling);
        }
    });
}

/// What carries the events of a service.
#[derive(Clone)]
struct Relay {
    database: Database,
    bus: EventBus,
    service: &'static str,
    /// Tells it from the relays of other processes.
    holder: Uuid,
}

/// Rows that were sent, each with how often that was tried before.
struct UnderWay {
    places: Vec<(Uuid, i32)>,
    sending: Sending,
}

impl Relay {
    async fn run(&self, stop: &CancellationToken) {
        let recorded = self.database.events_recorded();
        let mut pause = SHORTEST_PAUSE;
        while !stop.is_cancelled() {
            let mine = self.work(stop).await.unwrap_or_else(|error| {
                let service = self.service;
                tracing::warn!(service, %error, "relay cannot read the outbox");
                true
            });
            if mine {
                pause = SHORTEST_PAUSE;
                tokio::select! {
                    () = recorded.notified() => {}
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                    () = stop.cancelled() => {}
                }
            } else {
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }

    /// Publishes all that is due, if it is this relay's turn.
    async fn work(&self, stop: &CancellationToken) -> Result<bool, DbErr> {
        let lease = self.bus.lease();
        let Some(mut turn) = Turn::take(&self.database, self.holder, lease).await? else { return Ok(false) };
        let mut outcome = Ok(true);
        // Once more from the beginning: what was written last need not come last in the order.
        while let Ok(true) = outcome {
            outcome = self.pass(&mut turn, stop).await;
        }
        turn.leave().await?;
        outcome.map(|_| true)
    }

    /// Goes through the outbox once. Whether there was anything.
    async fn pass(&self, turn: &mut Turn<'_>, stop: &CancellationToken) -> Result<bool, DbErr> {
        let mut rows = self.due(None).await?;
        let any = !rows.is_empty();
        let (mut goes_on, mut settling) = (Ok(true), JoinSet::new());
        while let Some(last) = rows.last()
            && matches!(goes_on, Ok(true))
        {
            let place = (Key::Time(last.occur_time.0), last.id);
            // While some rows are sent, the next are read, and those before are written down.
            let (sent, next, kept) = tokio::join!(self.send(rows), self.due(Some(place)), turn.keep());
            let relay = self.clone();
            settling.spawn(async move { relay.settle(sent).await });
            if settling.len() == UNSETTLED {
                settling.join_next().await;
            }
            goes_on = kept.map(|mine| mine && !stop.is_cancelled());
            rows = next.unwrap_or_else(|error| {
                goes_on = Err(error);
                Vec::new()
            });
        }
        settling.join_all().await;
        goes_on.map(|goes_on| goes_on && any)
    }

    /// The first rows that are due, of those behind `place`.
    async fn due(&self, place: Option<Cursor>) -> Result<Vec<Model>, DbErr> {
        let (time, id) = (Expr::col(Column::OccurTime), Expr::col(Column::Id));
        let behind =
            place.map_or(Condition::all(), |place| Direction::Ascending.following(&time, &id, &place));
        Entity::find()
            .filter(Column::PublishTime.is_null())
            .filter(Expr::col(Column::AvailableTime).lte(database::now(&*self.database)))
            .filter(behind)
            .order_by_asc(Column::OccurTime)
            .order_by_asc(Column::Id)
            .limit(BATCH)
            .all(&*self.database)
            .await
    }

    async fn send(&self, rows: Vec<Model>) -> UnderWay {
        let places = rows.iter().map(|row| (row.id, row.attempts)).collect();
        let events = rows.into_iter().map(|row| Event::new(self.service, row)).collect();
        UnderWay { places, sending: self.bus.send(events).await }
    }

    /// Waits for what becomes of rows that were sent, and writes it down. What cannot be written down is sent again.
    async fn settle(&self, under_way: UnderWay) {
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
                    let (attempts, error) = (attempts + 1, error_chain(&error));
                    tracing::warn!(event_id = %id, attempts, error, "event {id} waits: it cannot be published");
                    failed.entry(attempts).or_default().push(id);
                }
            }
        }
        published.mark(&self.database).await?;
        for (attempts, ids) in failed {
            put_off(&self.database, ids, attempts).await?;
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
        let rows = |ids| {
            Entity::update_many()
                .col_expr(Column::PublishTime, now())
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                .filter(Column::Id.is_in(ids))
        };
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

/// Makes rows wait that were tried so often in vain: twice as long after every failure.
async fn put_off(database: &Database, ids: Vec<Uuid>, attempts: i32) -> Result<(), DbErr> {
    let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(0);
    let delay = Duration::from_millis(500).saturating_mul(1 << doublings).min(LONGEST_DELAY);
    Entity::update_many()
        .col_expr(Column::AvailableTime, database::now(&**database).add(micros(delay)))
        .col_expr(Column::Attempts, Expr::value(attempts))
        .filter(Column::Id.is_in(ids))
        .exec(&**database)
        .await?;
    Ok(())
}
