//! Whoever has taken something stands still for longer than his lease, in the middle of it, and goes on where he was.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sandbox::smtp::{Act, Gate, Step};
use sandbox::{Service, Topology, until};

use super::ledger::Ledger;
use super::standstill::{Point, Standstill};
use super::{hasty, kill, lasting, revive, start};
use crate::support::address;

/// How soon another takes over: above the lease.
const SOON: Duration = Duration::from_secs(20);

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
    until("the other has sent it", || async { (ledger.copies(&email) == 1).then_some(()) }).await;
    tokio::time::sleep(lasting(Duration::ZERO, Duration::from_mins(1)).saturating_sub(stopped.elapsed()))
        .await;
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
async fn a_relay_that_wakes_after_its_lease_asks_for_no_mail_again() {
    let mut suite = start(&hasty(Topology::Apart).with_replicas(Service::Invitation, 2)).await;
    let ledger = Ledger::open(&suite).await;
    // So that it is the first one that has the event.
    kill(&mut suite, Service::Invitation, 1);
    let taken = Point {
        service: Service::Invitation,
        table: "outbox",
        event: "UPDATE OF attempts",
        rows: "NEW.kind = 'invitation.created'",
    };
    let taken = Standstill::at(&suite.description, taken).await;
    let email = address("guest");
    ledger.invite(&email).await;
    taken.is_reached().await;
    let stopped = Instant::now();
    suite.processes[&Service::Invitation][0].signal(Signal::SIGSTOP);
    taken.end().await;
    revive(&mut suite, Service::Invitation, 1);
    until("the other has told it", || async { (ledger.copies(&email) == 1).then_some(()) }).await;
    tokio::time::sleep(lasting(Duration::ZERO, Duration::from_mins(1)).saturating_sub(stopped.elapsed()))
        .await;
    suite.processes[&Service::Invitation][0].signal(Signal::SIGCONT);
    suite.ready().await;
    ledger.settles(SOON).await;
    assert_eq!(ledger.copies(&email), 1, "another had told it");
}
