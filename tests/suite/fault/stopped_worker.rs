//! Somebody who has a lease stands still for longer than that, and goes on where he was.

use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use nix::sys::signal::Signal;
use sandbox::smtp::{Act, Gate, Step};
use sandbox::{Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, Statement};

use super::ledger::Ledger;
use super::standstill::{Point, Standstill};
use super::{hasty, kill, lasting, revive, start};
use crate::support::address;

/// How soon another takes over: above the lease.
const SOON: Duration = Duration::from_secs(20);

/// How soon others have done everything while one stands still: above the time for which NATS hands it events, and that for which
/// the database lets a transaction wait, 10 seconds each, and a lease.
const SOON_WITHOUT: Duration = Duration::from_secs(30);

/// How long somebody stands still who has done so since `stopped`: longer than his lease, which is three seconds.
async fn stands_still(stopped: Instant) {
    let time = lasting(Duration::from_secs(5), Duration::from_mins(1));
    tokio::time::sleep(time.saturating_sub(stopped.elapsed())).await;
}

#[tokio::test]
async fn a_notifier_that_wakes_after_its_lease_does_not_send_what_another_has_sent() {
    let mut suite = start(&hasty(Topology::Apart).with_replicas(Service::Notifier, 2)).await;
    let ledger = Ledger::open(&suite).await;
    // So that it is the first one that has the mail.
    kill(&mut suite, Service::Notifier, 1);
    let email = address("guest");
    let gate = Gate::default();
    suite.smtp.faults.add(Step::Data, Act::Hold(gate.clone()), 1);
    ledger.invite(&email).await;
    until("the mail is about to be handed over", || async { (gate.reached() > 0).then_some(()) }).await;
    let stopped = Instant::now();
    suite.processes[&Service::Notifier][0].signal(Signal::SIGSTOP);
    revive(&mut suite, Service::Notifier, 1);
    gate.open();
    let database =
        sea_orm::Database::connect(&suite.description.databases[&Service::Notifier]).await.unwrap();
    until("the other has sent it and written that down", || async {
        let sent = "SELECT 1 FROM delivery WHERE state = 'sent'";
        let statement = Statement::from_string(database.get_database_backend(), sent);
        database.query_one_raw(statement).await.unwrap()
    })
    .await;
    assert_eq!(ledger.copies(&email), 1);
    stands_still(stopped).await;
    suite.processes[&Service::Notifier][0].signal(Signal::SIGCONT);
    // Nobody else sends what comes now, so when that has arrived it has come past the mail that it had.
    kill(&mut suite, Service::Notifier, 1);
    for _ in 0..4 {
        ledger.invite(&address("guest")).await;
    }
    ledger.settles(SOON).await;
    assert_eq!(ledger.copies(&email), 1, "another had sent it");
}

#[tokio::test]
async fn a_mail_that_takes_longer_than_its_lease_stays_with_whoever_has_it() {
    let suite = start(&hasty(Topology::Apart).with_replicas(Service::Notifier, 2)).await;
    let ledger = Ledger::open(&suite).await;
    let email = address("guest");
    // The mail is handed over already, so that nothing but the lease keeps the other from sending it too.
    suite.smtp.faults.add(Step::LastWord, Act::Delay(Duration::from_secs(8)), 1);
    ledger.invite(&email).await;
    ledger.settles(SOON).await;
    assert_eq!(ledger.copies(&email), 1, "somebody else sent it meanwhile");
}

#[tokio::test]
async fn a_consumer_that_wakes_after_its_lease_does_not_repeat_what_another_has_done() {
    let mut suite = start(&hasty(Topology::Apart).with_replicas(Service::Notifier, 2)).await;
    let ledger = Ledger::open(&suite).await;
    let written = Point { service: Service::Notifier, table: "delivery", event: "INSERT", rows: "true" };
    for lasts in [false, true] {
        kill(&mut suite, Service::Notifier, 1);
        let email = address("guest");
        let standstill = Standstill::at(&suite.description, written).await;
        ledger.invite(&email).await;
        standstill.is_reached().await;
        let stopped = Instant::now();
        suite.processes[&Service::Notifier][0].signal(Signal::SIGSTOP);
        standstill.decide(lasts).await;
        revive(&mut suite, Service::Notifier, 1);
        until("the other has sent it", || async { (ledger.copies(&email) == 1).then_some(()) }).await;
        stands_still(stopped).await;
        suite.processes[&Service::Notifier][0].signal(Signal::SIGCONT);
        ledger.settles(SOON).await;
        assert_eq!(ledger.copies(&email), 1, "the first wrote it down, to last: {lasts}");
    }
}

#[tokio::test]
async fn a_consumer_that_works_for_longer_than_its_lease_keeps_the_event() {
    let suite = start(&hasty(Topology::Apart).with_replicas(Service::Notifier, 2)).await;
    let ledger = Ledger::open(&suite).await;
    let written = Point { service: Service::Notifier, table: "delivery", event: "INSERT", rows: "true" };
    let standstill = Standstill::at(&suite.description, written).await;
    ledger.invite(&address("guest")).await;
    standstill.is_reached().await;
    // The lease would end after three seconds.
    stands_still(Instant::now()).await;
    let redelivered = redelivered(&suite).await;
    standstill.end().await;
    assert_eq!(redelivered, 0, "it says that it works on the event");
    ledger.settles(SOON).await;
}

/// How many events some consumer has been handed again.
async fn redelivered(suite: &Suite) -> usize {
    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().unwrap()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("USHER").await.unwrap();
    let consumers: Vec<_> = stream.consumers().try_collect().await.unwrap();
    consumers.iter().map(|consumer| consumer.num_redelivered).sum()
}

#[tokio::test]
async fn a_notifier_that_stands_still_in_a_transaction_keeps_its_events_from_nobody() {
    let mut suite = start(&hasty(Topology::Apart).with_replicas(Service::Notifier, 2)).await;
    let ledger = Ledger::asking_the_second(&mut suite, Service::Notifier).await;
    kill(&mut suite, Service::Notifier, 1);
    let written = Point { service: Service::Notifier, table: "delivery", event: "INSERT", rows: "true" };
    let standstill = Standstill::within(&suite.description, written).await;
    ledger.invite(&address("guest")).await;
    standstill.is_reached().await;
    suite.processes[&Service::Notifier][0].signal(Signal::SIGSTOP);
    standstill.pass().await;
    revive(&mut suite, Service::Notifier, 1);
    // While it stands still: NATS hands it events for a while, and its transaction holds what it has written.
    ledger.settles(SOON_WITHOUT).await;
    suite.processes[&Service::Notifier][0].signal(Signal::SIGCONT);
    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
}

#[tokio::test]
async fn a_relay_that_wakes_after_its_turn_has_not_held_the_others_up() {
    let mut suite = start(&hasty(Topology::Apart).with_replicas(Service::Invitation, 2)).await;
    // Its neighbours ask the first one, so it is the second that stands still.
    let ledger = Ledger::asking_the_second(&mut suite, Service::Invitation).await;
    kill(&mut suite, Service::Invitation, 0);
    let told = Point {
        service: Service::Invitation,
        table: "outbox",
        event: "UPDATE OF publish_time",
        rows: "NEW.kind = 'invitation.created'",
    };
    let standstill = Standstill::at(&suite.description, told).await;
    let email = address("guest");
    let name = ledger.invite(&email).await;
    standstill.is_reached().await;
    let stopped = Instant::now();
    suite.processes[&Service::Invitation][1].signal(Signal::SIGSTOP);
    standstill.undo().await;
    revive(&mut suite, Service::Invitation, 0);
    let invited = Ledger::open(&suite).await;
    invited.invite(&address("guest")).await;
    invited.settles(SOON).await;
    until("the other has told it", || async { is_told(&suite, &name).await.then_some(()) }).await;
    assert_eq!(ledger.copies(&email), 1, "and nobody takes it for another");
    stands_still(stopped).await;
    suite.processes[&Service::Invitation][1].signal(Signal::SIGCONT);
    ledger.settles(SOON).await;
}

/// Whether it is written down that the event of a new invitation is published.
async fn is_told(suite: &Suite, invitation: &str) -> bool {
    let database =
        sea_orm::Database::connect(&suite.description.databases[&Service::Invitation]).await.unwrap();
    let sql = "SELECT count(*) FROM outbox WHERE kind = 'invitation.created' AND resource = $1 AND publish_time IS NOT NULL";
    let ask = Statement::from_sql_and_values(database.get_database_backend(), sql, [invitation.into()]);
    let row = database.query_one_raw(ask).await.unwrap().unwrap();
    row.try_get_by_index::<i64>(0).unwrap() == 1
}
