//! Thousands of mails wait while the mail server takes its time, and two notifiers share the work.

use std::time::Duration;

use sandbox::smtp::{Act, Gate, Step};
use sandbox::{Service, Topology};

use super::ledger::Ledger;
use super::{long_run, options, start};
use crate::support::address;

/// How long the server takes for each mail.
const SLOW: Duration = Duration::from_millis(20);

#[tokio::test]
async fn two_notifiers_share_what_waits_and_send_nothing_twice() {
    let mails = if long_run().is_some() { 5_000 } else { 400 };
    let options = options(Topology::Apart)
        .with("notifier", "concurrent_mails_per_domain = 8")
        .with_replicas(Service::Notifier, 2);
    let suite = start(&options).await;
    let ledger = Ledger::open(&suite).await;
    let greetings = Gate::default();
    greetings.open();
    suite.smtp.faults.add(Step::Greeting, Act::Hold(greetings.clone()), mails);
    suite.smtp.faults.add(Step::LastWord, Act::Delay(SLOW), mails);
    let emails: Vec<String> = (0..mails).map(|_| address("guest")).collect();
    ledger.import(&emails).await;
    ledger.settles(Duration::from_millis(20 * mails as u64) + Duration::from_secs(40)).await;
    assert!(greetings.reached() < mails / 4, "{} connections for {mails} mails", greetings.reached());
    let senders = [0, 1].map(|replica| suite.processes[&Service::Notifier][replica].log());
    for log in senders {
        assert!(log.contains("is sent"), "one of two sent everything");
    }
}
