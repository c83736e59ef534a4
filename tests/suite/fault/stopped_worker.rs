//! A notifier stands still for longer than its lease, in the middle of a mail, and goes on where it was.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sandbox::smtp::{Act, Gate, Step};
use sandbox::{Service, Topology, until};

use super::ledger::Ledger;
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
