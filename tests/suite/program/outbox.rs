//! `usher outbox`: what operators see of events, and how they have them published again.

use std::process::Command;

use sandbox::{Service, current, program, until};
use usher_api::notifier::ListDeliveriesRequest;

use crate::support::address;
use crate::support::mail::arrived;
use crate::support::people::{Person, admin};
use crate::support::tree::{grant, managed, offer};

/// What the command writes about the invitation service.
fn outbox(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program())
        .arg("outbox")
        .args(arguments)
        .arg("--config")
        .arg(current().settings_file(Service::Invitation, 0))
        .output()
        .expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Invites somebody by mail and returns the name of the invitation when the mail is there.
async fn invited(admin: &Person, email: &str) -> String {
    let community = managed(admin).await;
    let mut request = offer(&community, email, vec![grant(&community, &["guest"])]);
    request.notify = None;
    let answer = admin.caller.invitation().create_invitation(request).await.unwrap().into_inner();
    arrived(email, 1).await;
    answer.invitation.unwrap().name
}

/// The lines about events that are confirmed, when none about the resource is on its way any more.
async fn confirmed(resource: &str) -> Vec<String> {
    until("the events are confirmed", || async {
        let list = |state: &str| {
            let list =
                outbox(&["list", "--services", "invitation", "--state", state, "--resource", resource]);
            list.unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        list("open").is_empty().then(|| list("confirmed"))
    })
    .await
}

#[tokio::test]
async fn events_are_listed_and_published_again_without_a_second_effect() {
    let (admin, email) = (admin().await, address("guest"));
    let name = invited(&admin, &email).await;
    let before = confirmed(&name).await;
    assert!(before.iter().any(|line| line.contains("invitation.created")), "{before:?}");

    let said = outbox(&["replay", "--service", "invitation", "--resource", &name]).unwrap();
    assert_eq!(said.trim(), format!("invitation: {} events will be published again", before.len()));
    let attempts = |lines: &[String]| {
        let created = lines.iter().find(|line| line.contains("invitation.created")).unwrap();
        let words: Vec<&str> = created.split_whitespace().collect();
        words[words.iter().position(|word| *word == "attempts").unwrap() - 1].parse::<u32>().unwrap()
    };
    let after = until("the events are published again", || async {
        Some(confirmed(&name).await).filter(|after| attempts(after) > attempts(&before))
    })
    .await;
    assert_eq!(after.len(), before.len());
    let about = ListDeliveriesRequest { invitation: name, ..ListDeliveriesRequest::default() };
    let answer = admin.caller.notifier().list_deliveries(about).await.unwrap().into_inner();
    assert_eq!(answer.deliveries.len(), 1);
    assert_eq!(arrived(&email, 1).await.len(), 1);
}

#[test]
fn a_replay_says_what_of_and_a_redrive_which() {
    let complaint = outbox(&["replay", "--service", "invitation"]).unwrap_err();
    assert!(complaint.contains("--resource") && complaint.contains("--since"), "{complaint}");
    let complaint = outbox(&["replay", "--service", "invitation", "--since", "yesterday"]).unwrap_err();
    assert!(complaint.contains("2026-01-31T12:00:00Z"), "{complaint}");
    let complaint = outbox(&["redrive", "--service", "invitation"]).unwrap_err();
    assert!(complaint.contains("--all"), "{complaint}");
    let none = "00000000-0000-0000-0000-000000000001";
    let said = outbox(&["redrive", "--service", "invitation", "--id", none]).unwrap();
    assert_eq!(said.trim(), "invitation: 0 dead letters will be handed over again");
}
