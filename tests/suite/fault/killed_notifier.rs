//! The notifier is killed before and after each step from the event to the record of what became of the mail. It comes back, and
//! every mail is there.

use std::time::Duration;

use sandbox::smtp::{Act, Gate, Step};
use sandbox::{Service, Suite, Topology, until};
use usher_api::invitation::DeliveryState;

use super::ledger::Ledger;
use super::standstill::{Point, Standstill};
use super::{hasty, kill, revive, start};
use crate::notifier::suppress;
use crate::support::address;

/// Something that it writes, or has written for it, and what brings it there.
struct Scene {
    point: Point,
    /// What the address of the guest begins with, by which the mail server knows what to do.
    guest: &'static str,
    /// What becomes of his mail in the end.
    end: DeliveryState,
    /// How the mail server greets when he is invited, if not as it should.
    greeting: Option<&'static str>,
}

impl Scene {
    const fn of_delivery(event: &'static str, rows: &'static str) -> Self {
        let point = Point { service: Service::Notifier, table: "delivery", event, rows };
        Self { point, guest: "guest", end: DeliveryState::Sent, greeting: None }
    }

    /// Whether the mail server has taken the mail by then.
    fn is_sent(&self) -> bool {
        self.point.rows == SENT
    }

    async fn invite(&self, suite: &Suite, ledger: &Ledger) -> String {
        let email = address(self.guest);
        if self.end == DeliveryState::Suppressed {
            suppress(&ledger.admin().await, &email).await;
        }
        if let Some(greeting) = self.greeting {
            suite.smtp.break_off();
            suite.smtp.faults.add(Step::Greeting, Act::Say(greeting), 1);
        }
        if self.end == DeliveryState::Sent {
            ledger.invite(&email).await;
        } else {
            ledger.invite_in_vain(&email, self.end).await;
        }
        email
    }
}

const SENT: &str = "NEW.state = 'sent'";

/// Up to where the mail server has a mail.
const SENDING: [Scene; 4] = [
    Scene::of_delivery("INSERT", "NEW.kind = 'invitation'"),
    Scene::of_delivery("UPDATE OF attempts", "NEW.state = 'sending'"),
    Scene {
        point: Point {
            service: Service::Invitation,
            table: "invitation_token",
            event: "INSERT",
            rows: "true",
        },
        ..Scene::of_delivery("", "")
    },
    Scene::of_delivery("UPDATE OF send_time", SENT),
];

/// What becomes of a mail that it does not take.
const UNSENT: [Scene; 4] = [
    Scene { guest: "defer-451", ..Scene::of_delivery("UPDATE OF last_error", "NEW.state = 'deferred'") },
    Scene {
        guest: "refuse-550",
        end: DeliveryState::Failed,
        ..Scene::of_delivery("UPDATE OF last_error", "NEW.state = 'failed'")
    },
    Scene {
        end: DeliveryState::Suppressed,
        ..Scene::of_delivery("UPDATE OF last_error", "NEW.state = 'suppressed'")
    },
    // Nobody is let in, so that the line stops and the mail is put back.
    Scene {
        greeting: Some("554 5.3.2 nobody is served"),
        ..Scene::of_delivery("UPDATE OF last_error", "NEW.state = 'queued' AND NEW.last_error <> ''")
    },
];

/// What it says to the mail server.
const WORDS: [Step; 7] =
    [Step::Greeting, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::Body, Step::LastWord];

/// How soon the mail is there after a return: above the leases of the dead.
const SOON: Duration = Duration::from_secs(20);

/// Lets the notifier come to each commit with a mail of its own, kills it there, and lets the commit last or not.
async fn dies_at_each(scenes: &[Scene]) {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    for (scene, lasts) in scenes.iter().flat_map(|scene| [(scene, false), (scene, true)]) {
        let standstill = Standstill::at(&suite.description, scene.point).await;
        let email = scene.invite(&suite, &ledger).await;
        standstill.is_reached().await;
        let comes_again = scene.is_sent() && !lasts;
        if comes_again {
            ledger.strike();
        }
        kill(&mut suite, Service::Notifier, 0);
        standstill.decide(lasts).await;
        revive(&mut suite, Service::Notifier, 0);
        ledger.settles(SOON).await;
        let expected = usize::from(scene.end == DeliveryState::Sent) + usize::from(comes_again);
        assert_eq!(ledger.copies(&email), expected, "{:?}, to last: {lasts}", scene.point);
    }
}

#[tokio::test]
async fn a_notifier_that_dies_at_any_commit_loses_no_mail_and_doubles_it_only_after_the_final_dot() {
    dies_at_each(&SENDING).await;
}

#[tokio::test]
async fn a_notifier_that_dies_while_it_writes_down_that_a_mail_did_not_leave_writes_it_down_once() {
    dies_at_each(&UNSENT).await;
}

#[tokio::test]
async fn a_notifier_that_dies_at_any_word_loses_no_mail_and_doubles_it_only_after_the_final_dot() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    for word in WORDS {
        let (email, gate) = (address("guest"), Gate::default());
        // So that the mail begins with a greeting.
        suite.smtp.break_off();
        suite.smtp.faults.add(word, Act::Hold(gate.clone()), 1);
        ledger.invite(&email).await;
        until(&format!("the server was told up to {word:?}"), || async {
            (gate.reached() > 0).then_some(())
        })
        .await;
        // The rest of a mail that was begun is on its way by then, with its final dot.
        let most = if matches!(word, Step::Body | Step::LastWord) { 2 } else { 1 };
        if most > 1 {
            ledger.strike();
        }
        kill(&mut suite, Service::Notifier, 0);
        gate.open();
        revive(&mut suite, Service::Notifier, 0);
        ledger.settles(SOON).await;
        let least = if word == Step::LastWord { 2 } else { 1 };
        assert!((least..=most).contains(&ledger.copies(&email)), "{word:?}");
    }
}
