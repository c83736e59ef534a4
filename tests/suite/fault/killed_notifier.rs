//! The notifier is killed before and after each step from the event to the record of what became of the mail. It comes back, and
//! every mail is there.

use std::time::Duration;

use sandbox::smtp::{Act, Gate, Step};
use sandbox::{Service, Suite, Topology, until};

use super::ledger::Ledger;
use super::standstill::{Point, Standstill};
use super::{hasty, kill, revive, start};
use crate::support::address;

/// What it writes, and has written for it.
const COMMITS: [Point; 4] = [
    Point { service: Service::Notifier, table: "delivery", event: "INSERT", rows: "NEW.kind = 'invitation'" },
    Point {
        service: Service::Notifier,
        table: "delivery",
        event: "UPDATE OF attempts",
        rows: "NEW.state = 'sending'",
    },
    Point { service: Service::Invitation, table: "invitation_token", event: "INSERT", rows: "true" },
    Point {
        service: Service::Notifier,
        table: "delivery",
        event: "UPDATE OF send_time",
        rows: "NEW.state = 'sent'",
    },
];

/// What it says to the mail server.
const WORDS: [Step; 7] =
    [Step::Greeting, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::Body, Step::LastWord];

/// How soon all mails are there after the last return: above the leases of the dead.
const SOON: Duration = Duration::from_secs(20);

/// Lets the notifier come to a commit with a mail of its own, kills it there, and lets the commit last or not.
async fn kill_at_commit(suite: &mut Suite, ledger: &Ledger, point: Point, lasts: bool) {
    let standstill = Standstill::at(&suite.description, point).await;
    ledger.invite(&address("guest")).await;
    standstill.is_reached().await;
    ledger.strike();
    kill(suite, Service::Notifier, 0);
    if lasts {
        standstill.end().await;
    } else {
        standstill.undo().await;
    }
    revive(suite, Service::Notifier, 0);
}

#[tokio::test]
async fn a_notifier_that_dies_at_any_commit_loses_and_doubles_no_mail() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    for point in COMMITS {
        for lasts in [false, true] {
            kill_at_commit(&mut suite, &ledger, point, lasts).await;
        }
    }
    ledger.settles(SOON).await;
}

#[tokio::test]
async fn a_notifier_that_dies_at_any_word_loses_no_mail_and_doubles_it_only_after_the_final_dot() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    for word in WORDS {
        let gate = Gate::default();
        suite.smtp.faults.add(word, Act::Hold(gate.clone()), 1);
        ledger.invite(&address("guest")).await;
        until(&format!("the server was told up to {word:?}"), || async {
            (gate.reached() > 0).then_some(())
        })
        .await;
        if word == Step::LastWord {
            ledger.strike();
        }
        kill(&mut suite, Service::Notifier, 0);
        gate.open();
        revive(&mut suite, Service::Notifier, 0);
    }
    ledger.settles(SOON).await;
    assert!(suite.smtp.record.count() > ledger.count(), "the one whose last word was lost came again");
}
