//! The mail server is silent, slow, breaks off or refuses, at each step of a conversation.

use std::time::Duration;

use sandbox::smtp::{Act, Gate, Offer, Step};
use sandbox::{Options, Suite, Topology, until};
use usher_api::invitation::DeliveryState as Shown;
use usher_api::notifier::{Delivery, DeliveryState, ListDeliveriesRequest};

use super::ledger::Ledger;
use super::{hasty, start};
use crate::support::address;

/// All that a mail comes past.
const STEPS: [Step; 7] =
    [Step::Greeting, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::Body, Step::LastWord];
/// Those that are answered.
const ANSWERED: [Step; 6] = [Step::Greeting, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::LastWord];

/// How soon all mails are there: above two waits for another attempt and for a line that stopped a few times.
const SOON: Duration = Duration::from_secs(40);

/// A notifier that waits for little.
fn impatient() -> Options {
    let patience = r#"patience = { connection = "2s", greeting = "2s", command = "2s", last_word = "2s" }"#;
    hasty(Topology::Together).with("notifier.smtp", patience)
}

/// Has the server do `act` at each of `steps`, with more mails under way than that, and requires that all of them arrive.
async fn all_arrive(suite: &Suite, act: Act, steps: &[Step]) -> Ledger {
    let ledger = Ledger::open(suite).await;
    for step in steps {
        suite.smtp.faults.add(*step, act.clone(), 1);
    }
    for _ in 0..=steps.len() {
        ledger.invite(&address("guest")).await;
    }
    until("every fault has happened", || async { (suite.smtp.faults.left() == 0).then_some(()) }).await;
    ledger.settles(SOON).await;
    ledger
}

/// The mail about an invitation, once it is in `state`.
async fn when(ledger: &Ledger, invitation: &str, state: DeliveryState) -> Delivery {
    let alerts = ledger.admin().await.caller.service("alerts");
    until(&format!("the mail is {state:?}"), || async {
        let request = ListDeliveriesRequest { invitation: invitation.to_owned(), ..Default::default() };
        let deliveries = alerts.notifier().list_deliveries(request).await.ok()?.into_inner().deliveries;
        deliveries.into_iter().next_back().filter(|delivery| delivery.state() == state)
    })
    .await
}

#[tokio::test]
async fn a_server_that_falls_silent_at_any_step_costs_no_mail() {
    let suite = start(&impatient()).await;
    let ledger = all_arrive(&suite, Act::Silence, &ANSWERED).await;
    assert_eq!(suite.smtp.record.count(), ledger.count() + 1, "the one whose last word was lost came again");
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_step_costs_no_mail() {
    let suite = start(&hasty(Topology::Together)).await;
    let ledger = all_arrive(&suite, Act::Drop, &STEPS).await;
    assert_eq!(suite.smtp.record.count(), ledger.count() + 1, "the one whose last word was lost came again");
}

#[tokio::test]
async fn a_server_that_puts_off_at_any_step_gets_each_mail_once() {
    let suite = start(&hasty(Topology::Together)).await;
    for answer in ["421 4.3.2 closing", "450 4.2.1 busy"] {
        let before = suite.smtp.record.count();
        let ledger = all_arrive(&suite, Act::Say(answer), &ANSWERED).await;
        assert_eq!(suite.smtp.record.count() - before, ledger.count());
        // So that the next mails begin with a greeting.
        suite.smtp.break_off();
    }
}

#[tokio::test]
async fn a_server_that_is_slow_at_each_step_gets_each_mail_once() {
    let suite = start(&impatient()).await;
    let ledger = all_arrive(&suite, Act::Delay(Duration::from_secs(1)), &STEPS).await;
    assert_eq!(suite.smtp.record.count(), ledger.count());
}

#[tokio::test]
async fn a_mail_whose_invitation_ends_while_the_server_hesitates_does_not_leave() {
    let suite = start(&hasty(Topology::Together)).await;
    for step in [Step::Greeting, Step::Mail, Step::Rcpt, Step::Data] {
        // So that the next mail begins with a greeting.
        suite.smtp.break_off();
        let (ledger, gate) = (Ledger::open(&suite).await, Gate::default());
        suite.smtp.faults.add(step, Act::Hold(gate.clone()), 1);
        let email = address("guest");
        let name = ledger.invite(&email).await;
        until("the server hesitates", || async { (gate.reached() == 1).then_some(()) }).await;
        ledger.revoke(&name).await;
        gate.open();
        let skipped = when(&ledger, &name, DeliveryState::Skipped).await;
        assert_eq!(skipped.last_error, "the invitation ended before the mail was handed over", "{step:?}");
        ledger.settles(SOON).await;
        assert_eq!(ledger.copies(&email), 0, "{step:?}");
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_tried_once_and_the_next_goes() {
    let suite = start(&hasty(Topology::Together)).await;
    let ledger = Ledger::open(&suite).await;
    for (number, step) in (1..).zip([Step::Rcpt, Step::Data, Step::LastWord]) {
        suite.smtp.faults.add(step, Act::Say("550 5.7.1 not this"), 1);
        let name = ledger.invite_in_vain(&address("guest"), Shown::Failed).await;
        let failed = when(&ledger, &name, DeliveryState::Failed).await;
        assert_eq!((failed.attempts, &*failed.last_error), (1, "the mail server answered 550"), "{step:?}");
        until("the inviter is told", || async { (suite.smtp.record.count() == number).then_some(()) }).await;
    }
    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
}

#[tokio::test]
async fn a_server_that_does_not_let_us_in_stops_the_line_and_no_attempt_counts() {
    let login = Some(("usher".to_owned(), "open sesame".to_owned()));
    let options = Options { mail: Offer { login, ..Offer::default() }, ..hasty(Topology::Together) };
    let options = options.with("notifier.smtp", "username = \"usher\"\npassword = \"open sesame\"");
    let suite = start(&options).await;
    let ledger = Ledger::open(&suite).await;
    let mut names = Vec::new();
    for (step, answer) in [
        (Step::Greeting, "554 5.3.2 nobody is served"),
        (Step::Auth, "535 5.7.8 not so"),
        (Step::Auth, "454 4.7.0 later"),
        (Step::Mail, "530 5.7.0 sign in first"),
        (Step::Mail, "550 5.7.1 not from you"),
    ] {
        suite.smtp.faults.add(step, Act::Say(answer), 1);
        names.push(ledger.invite(&address("guest")).await);
    }
    until("every fault has happened", || async { (suite.smtp.faults.left() == 0).then_some(()) }).await;
    ledger.settles(SOON).await;
    for name in &names {
        let sent = when(&ledger, name, DeliveryState::Sent).await;
        assert_eq!(sent.attempts, 1, "what was in vain was no attempt");
    }
}
