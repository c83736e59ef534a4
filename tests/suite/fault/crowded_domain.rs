//! A domain that takes its time holds up nobody else.

use std::time::Duration;

use sandbox::smtp::{Act, Gate, Step};
use sandbox::{Topology, until};
use uuid::Uuid;

use super::ledger::Ledger;
use super::{options, start};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn no_more_mails_go_to_one_domain_at_a_time_than_may_and_others_pass_them() {
    let options = options(Topology::Together).with("notifier", "concurrent_mails_per_domain = 2");
    let suite = start(&options).await;
    let ledger = Ledger::open(&suite).await;
    let at = |domain: &str| format!("guest.{}@{domain}", Uuid::new_v4().simple());
    let gate = Gate::default();
    suite.smtp.faults.add(Step::Rcpt, Act::Hold(gate.clone()), 2);
    let slow: Vec<String> = (0..6).map(|_| at("slow.test")).collect();
    for email in &slow {
        ledger.invite(email).await;
    }
    until("two are on their way", || async { (gate.reached() == 2).then_some(()) }).await;
    // One after the other, each after the sender looked at what waits.
    for _ in 0..4 {
        let quick = at("quick.test");
        ledger.invite(&quick).await;
        until("another domain gets its mail", || async { (ledger.copies(&quick) == 1).then_some(()) }).await;
    }
    // A third would not have been held up.
    assert!(slow.iter().all(|email| ledger.copies(email) == 0));
    gate.open();
    ledger.settles(SOON).await;
}
