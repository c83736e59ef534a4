use std::time::Duration;

use futures::future::join_all;
use nix::sys::signal::Signal;
use sandbox::{Service, Topology, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use usher_api::community::GetCommunityRequest;
use uuid::Uuid;

use super::{options, start};
use crate::support::address;
use crate::support::people::admin_of;
use crate::support::tree::{grant, managed, offer};

const CALLS: u128 = 1_000;
const AT_ONCE: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_leave_no_open_transaction_and_no_half_done_change() {
    let mut options = options(Topology::Together);
    options.max_connections = 2;
    let suite = start(&options).await;
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let calls = (0..CALLS).map(|_| {
        let mut client = admin.caller.invitation();
        let request = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
        let patience = Duration::from_micros(u64::try_from(Uuid::new_v4().as_u128() % 60_000).unwrap());
        // Dropping the call makes the client reset the stream.
        async move { tokio::time::timeout(patience, client.create_invitation(request)).await.is_err() }
    });
    let cancelled = futures::stream::iter(calls);
    let cancelled = futures::StreamExt::buffer_unordered(cancelled, AT_ONCE);
    let cancelled = futures::StreamExt::filter(cancelled, |cancelled| std::future::ready(*cancelled));
    let cancelled = futures::StreamExt::count(cancelled).await;
    assert!(cancelled > 100, "only {cancelled} calls were cancelled before they were answered");

    let url = &suite.description.databases[&Service::Invitation];
    let database = sea_orm::Database::connect(url).await.unwrap();
    until("no connection is busy or idle in a transaction", || async {
        let open = "SELECT count(*) AS number FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
        (count(&database, open).await == 0).then_some(())
    })
    .await;
    // In one look: what was given up last may be under way yet.
    let different = "SELECT count(DISTINCT made) AS number FROM (\
        SELECT count(*) AS made FROM invitation \
        UNION ALL SELECT count(*) FROM invitation_grant \
        UNION ALL SELECT count(*) FROM outbox WHERE kind = 'invitation.created' \
        UNION ALL SELECT count(*) FROM answered_request WHERE length(answer) > 0) AS counted";
    assert_eq!(count(&database, different).await, 1, "each has its grant, its event and its answer");
    let after = offer(&community, &address("after"), vec![grant(&community, &["guest"])]);
    until("calls are answered again", || async {
        admin.caller.invitation().create_invitation(after.clone()).await.ok()
    })
    .await;
}

/// As a gateway does that shares one connection among everybody, when a server hangs for a moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_gives_up_calls_that_nobody_has_looked_at_keeps_the_others() {
    let suite = start(&options(Topology::Together)).await;
    let admin = admin_of(&suite.description).await;
    let name = managed(&admin).await;
    let ask = || {
        let (mut client, name) = (admin.caller.community(), name.clone());
        async move { client.get_community(GetCommunityRequest { name }).await }
    };
    ask().await.unwrap();
    let server = suite.processes.values().flatten().next().unwrap();
    server.signal(Signal::SIGSTOP);
    let patient = tokio::spawn(ask());
    let impatient = (0..500).map(|_| tokio::time::timeout(Duration::from_millis(500), ask()));
    assert!(join_all(impatient).await.iter().all(Result::is_err), "a server that stands still has answered");
    server.signal(Signal::SIGCONT);
    patient.await.unwrap().expect("the connection was kept");
}

async fn count(database: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get("", "number").unwrap()
}
