//! Mail leaves encrypted, to a server that proves its name, or not at all.

use std::time::Duration;

use sandbox::smtp::{Act, Identity, Offer, Smtp, Step};
use sandbox::{Options, Service, Suite, Topology, until};
use usher_api::notifier::ListDeliveriesRequest;

use super::ledger::Ledger;
use super::{hasty, kill, revive, start};
use crate::support::address;

const SOON: Duration = Duration::from_secs(20);
const LOGIN: &str = "username = \"usher\"\npassword = \"open sesame\"\n";
const PATIENCE: &str =
    r#"patience = { connection = "2s", greeting = "2s", command = "2s", last_word = "2s" }"#;

/// Who the server says it is, and whether the notifier knows the one who vouches for it.
struct Server {
    name: &'static str,
    known: bool,
}

/// Has the suite use a server that offers TLS, in a folder of its own.
fn encrypt(suite: &mut Suite, options: &mut Options, tls: &'static str, server: &Server) {
    let folder = suite.description.folder.join(uuid::Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let authority = folder.join("authority.pem");
    let identity = Identity::new(server.name, &authority).unwrap();
    let login = Some(("usher".to_owned(), "open sesame".to_owned()));
    options.mail = Offer { identity: Some(identity), implicit: tls == "implicit", login };
    let authority = format!("authority_file = \"{}\"\n", authority.display());
    let known = if server.known { authority.as_str() } else { "" };
    options.settings.insert("notifier.smtp", format!("tls = \"{tls}\"\n{LOGIN}{PATIENCE}\n{known}"));
    move_to(suite, options);
}

/// Has the suite use the server of `options`.
fn move_to(suite: &mut Suite, options: &Options) {
    suite.smtp.stop();
    suite.smtp = Smtp::start(&suite.description.mailbox, options.mail.clone()).unwrap();
    suite.write_settings(options).unwrap();
    kill(suite, Service::Identity, 0);
    revive(suite, Service::Identity, 0);
}

#[tokio::test]
async fn mail_leaves_encrypted_to_a_server_that_proves_its_name() {
    let mut options = hasty(Topology::Together);
    let mut suite = start(&options).await;
    for tls in ["starttls", "implicit"] {
        encrypt(&mut suite, &mut options, tls, &Server { name: "127.0.0.1", known: true });
        suite.ready().await;
        let ledger = Ledger::open(&suite).await;
        ledger.invite(&address("guest")).await;
        ledger.settles(SOON).await;
    }
}

#[tokio::test]
async fn a_server_that_hesitates_before_it_lets_us_in_gets_each_mail_once() {
    let mut options = hasty(Topology::Together);
    let mut suite = start(&options).await;
    encrypt(&mut suite, &mut options, "starttls", &Server { name: "127.0.0.1", known: true });
    suite.ready().await;
    for step in [Step::StartTls, Step::Auth] {
        for act in
            [Act::Silence, Act::Drop, Act::Delay(Duration::from_secs(1)), Act::Say("421 4.3.2 closing")]
        {
            let ledger = Ledger::open(&suite).await;
            // So that the mail begins with a greeting.
            suite.smtp.break_off();
            suite.smtp.faults.add(step, act.clone(), 1);
            let email = address("guest");
            ledger.invite(&email).await;
            until("the fault has happened", || async { (suite.smtp.faults.left() == 0).then_some(()) }).await;
            ledger.settles(SOON).await;
            assert_eq!(ledger.copies(&email), 1, "{step:?} {act:?}");
        }
    }
}

/// Requires that no mail leaves, and that it waits without an attempt.
async fn nothing_leaves(suite: &mut Suite, case: &str) {
    suite.ready().await;
    let ledger = Ledger::open(suite).await;
    let name = ledger.invite(&address("guest")).await;
    let alerts = ledger.admin().await.caller.service("alerts");
    until(&format!("the mail waits: {case}"), || async {
        let request = ListDeliveriesRequest { invitation: name.clone(), ..Default::default() };
        let delivery =
            alerts.notifier().list_deliveries(request).await.ok()?.into_inner().deliveries.pop()?;
        (delivery.attempts == 0 && !delivery.last_error.is_empty()).then_some(())
    })
    .await;
    assert_eq!(suite.smtp.record.count(), 0, "{case}");
}

#[tokio::test]
async fn nothing_leaves_to_a_server_of_another_name_or_unknown_or_in_the_clear() {
    let mut options = hasty(Topology::Together);
    let mut suite = start(&options).await;
    for tls in ["starttls", "implicit"] {
        for server in
            [Server { name: "mail.other.test", known: true }, Server { name: "127.0.0.1", known: false }]
        {
            encrypt(&mut suite, &mut options, tls, &server);
            nothing_leaves(&mut suite, &format!("{tls} {}", server.name)).await;
        }
    }
    options.mail = Offer::default();
    options.settings.insert("notifier.smtp", "tls = \"starttls\"\n".to_owned());
    move_to(&mut suite, &options);
    nothing_leaves(&mut suite, "a server without encryption").await;
}
