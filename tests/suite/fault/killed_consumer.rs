//! Whoever hears of an event is killed before and after what that leads to is written. It comes back, and has done it once.

use std::time::Duration;

use sandbox::{Service, Suite, Topology, until};
use usher_api::identity::RequestPasswordResetRequest;

use super::ledger::Ledger;
use super::standstill::{Point, Standstill};
use super::{hasty, kill, revive, start};
use crate::support::address;

/// How soon the event comes again after a return: above the lease of the dead.
const SOON: Duration = Duration::from_secs(20);

/// Has whoever is at `point` come there by what `cause` does, kills it there, and lets the commit last or not.
async fn dies_at(suite: &mut Suite, point: Point, lasts: bool, cause: impl AsyncFnOnce()) {
    let standstill = Standstill::at(&suite.description, point).await;
    cause().await;
    standstill.is_reached().await;
    kill(suite, point.service, 0);
    standstill.decide(lasts).await;
    revive(suite, point.service, 0);
    suite.ready().await;
}

#[tokio::test]
async fn an_invitation_hears_once_what_became_of_its_mail() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let heard = Point {
        service: Service::Invitation,
        table: "invitation",
        event: "UPDATE OF delivery_state",
        rows: "NEW.delivery_state = 'sent'",
    };
    for lasts in [false, true] {
        dies_at(&mut suite, heard, lasts, async || {
            ledger.invite(&address("guest")).await;
        })
        .await;
        ledger.settles(SOON).await;
    }
}

#[tokio::test]
async fn a_mail_about_an_account_is_written_once() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let asked = Point {
        service: Service::Notifier,
        table: "delivery",
        event: "INSERT",
        rows: "NEW.kind = 'account'",
    };
    let (email, admin) = (suite.description.admin_email.clone(), ledger.admin().await);
    for (count, lasts) in [(1, false), (2, true)] {
        dies_at(&mut suite, asked, lasts, async || {
            let request = RequestPasswordResetRequest { email: email.clone() };
            admin.caller.identity().request_password_reset(request).await.unwrap();
        })
        .await;
        until("the mail is there", || async { (ledger.copies(&email) >= count).then_some(()) }).await;
    }
    // Nothing is under way any more that could become another.
    ledger.settles(SOON).await;
    assert_eq!(ledger.copies(&email), 2);
}
