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
use crate::outbox::{Column, Entity, Waiting};
use crate::rpc::error_chain;
use crate::{Change, Database, Event, EventBus, Random, Timestamp, Workers, database, meters, reconciler};
use turn::Turn;

/// How many rows a relay takes at a time: so many that what a statement costs by itself does not count.
const BATCH: u64 = 1_000;
/// How many times that may be on its way: while NATS and the disk have some, others are read and sent.
const UNSETTLED: usize = 4;
/// How often the relay looks without having been woken: for rows that another wrote and did not publish, and for those whose wait
/// has ended.
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
    workers.spawn(format!("{service}-relay"), move |stop| {
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

/// Rows that were sent: their ids, which publication it is, and how often it was tried before.
struct UnderWay {
    places: Vec<(Uuid, i32, i32)>,
    sending: Sending,
}

impl Relay {
    async fn run(&self, stop: &CancellationToken) {
        let recorded = self.database.events_recorded();
        let mut pause = SHORTEST_PAUSE;
        while !stop.is_cancelled() {
            let mine = self.work(stop).await.unwrap_or_else(|error| {
                let (service, error) = (self.service, error_chain(&error));
                tracing::warn!(service, error, "relay works on the outbox later");
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

    /// Publishes all that is due, unless it is another relay's turn, which is `false`.
    async fn work(&self, stop: &CancellationToken) -> Result<bool, DbErr> {
        // Looked at first: nothing is written where nothing is to be done.
        if self.due(None, 1).await?.is_empty() {
            return Ok(true);
        }
        let Some(lease) = self.bus.lease() else {
            return self.publish(stop).await.map(|()| true);
        };
        let Some(turn) = Turn::take(&self.database, self.holder, lease).await? else { return Ok(false) };
        let over = stop.child_token();
        let publishing = async {
            let _ends = over.clone().drop_guard();
            self.publish(&over).await
        };
        let (published, held) = tokio::join!(publishing, turn.hold(&over));
        let left = turn.leave().await;
        published.and(held).and(left).map(|()| true)
    }

    /// Publishes all that is due until `over`.
    async fn publish(&self, over: &CancellationToken) -> Result<(), DbErr> {
        // Once more from the beginning: what was written last need not come last in the order.
        while self.pass(over).await? {}
        Ok(())
    }

    /// Goes through the outbox once. Whether there was anything, and all that became of it is written down: what is not would be found
    /// again at once, and again.
    async fn pass(&self, over: &CancellationToken) -> Result<bool, DbErr> {
        let mut rows = self.due(None, BATCH).await?;
        let (mut unread, mut settling, mut settled) = (Ok(()), JoinSet::new(), !rows.is_empty());
        while let Some(last) = rows.last()
            && settled
            && !over.is_cancelled()
        {
            let place = (Key::Time(last.occur_time.0), last.id);
            // While some rows are sent, the next are read, and those before are written down.
            let (sent, next) = tokio::join!(self.send(rows), self.due(Some(place), BATCH));
            let relay = self.clone();
            settling.spawn(async move { relay.settle(sent).await });
            if settling.len() == UNSETTLED {
                settled &= matches!(settling.join_next().await, Some(Ok(true)));
            }
            match next {
                Ok(next) => rows = next,
                Err(error) => (rows, unread) = (Vec::new(), Err(error)),
            }
        }
        settled &= settling.join_all().await.into_iter().all(|settled| settled);
        unread.map(|()| settled && !over.is_cancelled())
    }

    /// The first rows that are due, of those behind `place`.
    async fn due(&self, place: Option<Cursor>, most: u64) -> Result<Vec<Waiting>, DbErr> {
        let (time, id) = (Expr::col(Column::OccurTime), Expr::col(Column::Id));
        let behind =
            place.map_or(Condition::all(), |place| Direction::Ascending.following(&time, &id, &place));
        Entity::find()
            .filter(Column::PublishTime.is_null())
            .filter(Expr::col(Column::AvailableTime).lte(database::now(&*self.database)))
            .filter(behind)
            .order_by_asc(Column::OccurTime)
            .order_by_asc(Column::Id)
            .limit(most)
            .into_partial_model()
            .all(&*self.database)
            .await
    }

    async fn send(&self, rows: Vec<Waiting>) -> UnderWay {
        let places = rows.iter().map(|row| (row.id, row.publication, row.attempts)).collect();
        let events = rows.into_iter().map(|row| Event::new(self.service, row)).collect();
        UnderWay { places, sending: self.bus.send(events).await }
    }

    /// Waits for what becomes of rows that were sent, and writes it down, if that is possible. Otherwise they are sent again.
    async fn settle(&self, under_way: UnderWay) -> bool {
        let marked = self.mark(under_way).await.inspect_err(|error| {
            let (service, error) = (self.service, error_chain(error));
            tracing::warn!(
                service,
                error,
                "relay cannot write down what was published, and publishes it again"
            );
        });
        marked.is_ok()
    }

    async fn mark(&self, UnderWay { places, sending }: UnderWay) -> Result<(), DbErr> {
        let mut published = Published::default();
        let mut failed: BTreeMap<i32, Vec<Uuid>> = BTreeMap::new();
        let outcomes = self.bus.outcomes(sending).await;
        let in_vain = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        meters::publications(self.service, outcomes.len(), in_vain);
        for ((id, publication, attempts), outcome) in places.into_iter().zip(outcomes) {
            match outcome {
                Ok(receipt) => published.add(id, publication, receipt),
                Err(error) => {
                    let (attempts, error) = (attempts + 1, error_chain(&error));
                    tracing::warn!(event_id = %id, attempts, error, "event {id} waits: it cannot be published");
                    failed.entry(attempts).or_default().push(id);
                }
            }
        }
        let change = self.database.change().await?;
        published.mark(&change).await?;
        for (attempts, ids) in failed {
            put_off(&change, ids, attempts).await?;
        }
        change.commit().await
    }
}

/// Where a row that the bus took is, and which publication of it that was.
type Whereabouts = (Option<Timestamp>, i32);

/// The rows that the bus took, by how far they are.
#[derive(Default)]
struct Published {
    rows: BTreeMap<Whereabouts, Together>,
}

/// Rows that are marked together, and the places of the first and of the last of them in their stream.
struct Together {
    ids: Vec<Uuid>,
    first: i64,
    last: i64,
}

impl Published {
    fn add(&mut self, id: Uuid, publication: i32, receipt: Receipt) {
        let (stream_time, sequence) = match receipt {
            Receipt::Consumed => (None, 0),
            Receipt::Stored { stream_time, sequence } => (Some(stream_time), sequence),
        };
        let together = || Together { ids: Vec::new(), first: sequence, last: sequence };
        let rows = self.rows.entry((stream_time, publication)).or_insert_with(together);
        rows.ids.push(id);
        rows.first = Ord::min(rows.first, sequence);
        rows.last = Ord::max(rows.last, sequence);
    }

    /// One statement for all rows of a stream: each is told the places of the first and of the last, so that it is confirmed only
    /// with the others, and published again with them. A row that is to be published anew meanwhile, or was published by another relay, stays as it is.
    async fn mark(self, change: &Change) -> Result<(), DbErr> {
        let now = || database::now(&**change);
        for ((stream_time, publication), Together { ids, first, last }) in self.rows {
            let rows = Entity::update_many()
                .col_expr(Column::PublishTime, now())
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                .filter(Column::Id.is_in(ids))
                .filter(Column::Publication.eq(publication))
                .filter(Column::PublishTime.is_null());
            let rows = match stream_time {
                None => rows.col_expr(Column::ConfirmTime, now()),
                Some(stream_time) => rows
                    .col_expr(Column::StreamTime, Expr::value(stream_time))
                    .col_expr(Column::StreamStart, Expr::value(first))
                    .col_expr(Column::StreamSequence, Expr::value(last)),
            };
            rows.exec(&**change).await?;
        }
        Ok(())
    }
}

/// Makes rows wait that were tried so often in vain: twice as long after every failure.
async fn put_off(change: &Change, ids: Vec<Uuid>, attempts: i32) -> Result<(), DbErr> {
    let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(0);
    let delay = Duration::from_millis(500).saturating_mul(1 << doublings).min(LONGEST_DELAY);
    Entity::update_many()
        .col_expr(Column::AvailableTime, database::now(&**change).add(micros(delay)))
        .col_expr(Column::Attempts, Expr::value(attempts))
        .filter(Column::Id.is_in(ids))
        .filter(Column::PublishTime.is_null())
        .exec(&**change)
        .await?;
    Ok(())
}
