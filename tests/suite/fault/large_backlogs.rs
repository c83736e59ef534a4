//! Many events wait in every service of one process when NATS has lost its stream.

use std::time::{Duration, SystemTime};

use sandbox::nats::Nats;
use sandbox::{Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use tokio::time::Instant;

use super::stream::Stream;
use super::{hasty, new_folder, start};

/// More than a relay has on its way at a time.
const EVENTS: i64 = 4_500;
/// When they may be published: all relays look within the second after that, in which nobody makes the stream again.
const BEGINNING: Duration = Duration::from_secs(5);

/// Events that nobody needs.
const TELL: &str = "INSERT INTO outbox \
     (id, kind, resource, version, payload, traceparent, occur_time, available_time, attempts, publication) \
     SELECT gen_random_uuid(), 'nothing.happened', 'nothings/1', number, '', '', number, $2, 0, 0 \
     FROM generate_series(1, $1) number";
const UNPUBLISHED: &str = "SELECT count(*) FROM outbox WHERE publish_time IS NULL";

async fn outboxes(suite: &Suite) -> Vec<DatabaseConnection> {
    let mut outboxes = Vec::new();
    for service in Service::ALL {
        outboxes.push(sea_orm::Database::connect(&suite.description.databases[&service]).await.unwrap());
    }
    outboxes
}

async fn unpublished(outbox: &DatabaseConnection) -> i64 {
    let statement = Statement::from_string(outbox.get_database_backend(), UNPUBLISHED);
    outbox.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn relays_of_one_process_do_not_wait_for_one_another() {
    let nats = Nats::start(&new_folder()).await.unwrap();
    let url = format!("nats_url = \"{}\"\nnats_inbox_prefix = \"_INBOX.operator\"", nats.url());
    let suite = start(&hasty(Topology::Together).with("events", &url)).await;
    let (stream, outboxes) = (Stream::at(&nats.url()).await, outboxes(&suite).await);
    let gone = Instant::now() + BEGINNING;
    let beginning = SystemTime::UNIX_EPOCH.elapsed().unwrap() + BEGINNING;
    let beginning = i64::try_from(beginning.as_micros()).unwrap();
    for outbox in &outboxes {
        let backend = outbox.get_database_backend();
        let tell = Statement::from_sql_and_values(backend, TELL, [EVENTS.into(), beginning.into()]);
        outbox.execute_raw(tell).await.unwrap();
    }
    tokio::time::sleep_until(gone).await;
    stream.delete().await;
    until("every service has published all", || async {
        for outbox in &outboxes {
            if unpublished(outbox).await > 0 {
                return None;
            }
        }
        Some(())
    })
    .await;
}
