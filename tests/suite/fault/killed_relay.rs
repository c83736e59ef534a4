//! The process that tells of invitations is killed before and after each step from the outbox to NATS and back.

use std::time::Duration;

use nix::sys::signal::Signal;
use sandbox::{Service, Topology};

use super::ledger::Ledger;
use super::standstill::{Point, Standstill};
use super::{hasty, kill, revive, start};
use crate::support::address;

/// It takes its turn, and marks the event as told.
const COMMITS: [Point; 2] = [
    Point { service: Service::Invitation, table: "outbox_turn", event: "UPDATE OF holder", rows: "true" },
    Point {
        service: Service::Invitation,
        table: "outbox",
        event: "UPDATE OF publish_time",
        rows: "NEW.kind = 'invitation.created'",
    },
];

/// How soon all mails are there after the last return: above the turn of a dead one.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_relay_that_dies_at_any_step_loses_and_doubles_no_mail() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    for point in COMMITS {
        for lasts in [false, true] {
            let standstill = Standstill::at(&suite.description, point).await;
            ledger.invite(&address("guest")).await;
            standstill.is_reached().await;
            kill(&mut suite, Service::Invitation, 0);
            if lasts {
                standstill.end().await;
            } else {
                standstill.undo().await;
            }
            revive(&mut suite, Service::Invitation, 0);
        }
    }
    // It is its turn, and NATS does not answer.
    let turn = Standstill::at(&suite.description, COMMITS[0]).await;
    ledger.invite(&address("guest")).await;
    turn.is_reached().await;
    suite.nats.as_ref().expect("they are apart").process.signal(Signal::SIGSTOP);
    turn.end().await;
    kill(&mut suite, Service::Invitation, 0);
    suite.nats.as_ref().expect("they are apart").process.signal(Signal::SIGCONT);
    revive(&mut suite, Service::Invitation, 0);
    suite.ready().await;
    ledger.settles(SOON).await;
}
