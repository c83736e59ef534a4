//! What no version of the suite would write arrives on its subjects. It is kept with the reason, and what comes behind it goes on.

use std::process::Command;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use sandbox::{Service, Suite, Topology, program, until};
use uuid::Uuid;

use super::ledger::Ledger;
use super::{options, start};
use crate::support::address;

/// How soon the mail is there that comes behind the poison.
const SOON: Duration = Duration::from_secs(20);

const SUBJECT: &str = "usher.invitation.invitation.created";

/// The headers of an event of the given kind.
fn headers(kind: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let id = Uuid::new_v4().to_string();
    let time = "1700000000000000";
    for (name, value) in [
        ("ce-id", id.as_str()),
        ("ce-type", kind),
        ("ce-source", "usher/invitation"),
        ("ce-subject", "communities/1/invitations/1"),
        ("ce-sequence", "1"),
        ("ce-ushertime", time),
    ] {
        headers.insert(name, value);
    }
    headers
}

/// What `usher outbox dead-letters` writes about the notifier.
fn dead_letters(suite: &Suite) -> String {
    let output = Command::new(program())
        .args(["outbox", "dead-letters", "--services", "notifier", "--config"])
        .arg(suite.description.settings_file(Service::Notifier, 0))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn poison_is_laid_down_and_holds_nobody_up() {
    let suite = start(&options(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().unwrap()).await.unwrap();
    let stream = jetstream::new(client);
    until("there is a stream", || async { stream.get_stream("USHER").await.ok() }).await;
    let garbage = || vec![0xff_u8; 64];
    stream.publish(SUBJECT, Vec::new().into()).await.unwrap().await.unwrap();
    stream.publish(SUBJECT, garbage().into()).await.unwrap().await.unwrap();
    // A message of NATS has at most 1 MiB.
    stream.publish(SUBJECT, vec![0; 1_000_000].into()).await.unwrap().await.unwrap();
    for payload in [Vec::new(), garbage(), vec![0; 1_000_000]] {
        let malformed = headers("invitation.created");
        stream.publish_with_headers(SUBJECT, malformed, payload.into()).await.unwrap().await.unwrap();
    }
    let unknown = headers("invitation.framed");
    let subject = "usher.invitation.invitation.framed";
    stream.publish_with_headers(subject, unknown, garbage().into()).await.unwrap().await.unwrap();
    // Who may write to this subject need not be allowed to write to that of what the headers say.
    let disguised = headers("invitation.created");
    let subject = "usher.invitation.invitation.disguised";
    stream.publish_with_headers(subject, disguised, garbage().into()).await.unwrap().await.unwrap();

    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;

    // Mails are asked for by one consumer of these events, and webhooks told by another: each lays down what it cannot read.
    let letters = until("the poison is laid down", || async {
        Some(dead_letters(&suite)).filter(|letters| letters.contains("notifier: 14 dead letters"))
    })
    .await;
    assert_eq!(letters.matches("is not an event of the suite").count(), 8, "{letters}");
    assert_eq!(letters.matches("invitation.created communities/1/invitations/1").count(), 6, "{letters}");
    assert!(!letters.contains("framed"), "kinds that nobody knows are passed over: {letters}");
}
