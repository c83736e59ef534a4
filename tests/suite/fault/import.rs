//! An import that a crash interrupts, and what a large one takes.

use futures::stream;
use sandbox::{Caller, Service, Topology};
use tonic::{Code, Status};
use usher_api::invitation::import_result::Result as Imported;
use usher_api::invitation::{
    ImportHeader, ImportInvitationsRequest, ImportItem, ImportProgress, ImportResult, ListInvitationsRequest,
};

use super::{options, start};
use crate::support::people::{Person, admin_of};
use crate::support::refusal::refused;
use crate::support::tree::{grant, invite, managed};
use crate::support::{address, request_id};

/// What the issue asks for.
const PEOPLE: usize = 10_000;

fn header(community: &str) -> ImportHeader {
    ImportHeader {
        parent: community.to_owned(),
        grants: vec![grant(community, &["guest"])],
        notify: Some(false),
        request_id: request_id(),
        ..ImportHeader::default()
    }
}

fn messages(header: &ImportHeader, emails: &[String]) -> Vec<ImportInvitationsRequest> {
    let item = |email: &String| ImportItem { email: email.clone(), ..ImportItem::default() };
    let mut messages: Vec<_> = emails
        .chunks(500)
        .map(|some| ImportInvitationsRequest {
            items: some.iter().map(item).collect(),
            ..ImportInvitationsRequest::default()
        })
        .collect();
    messages[0].header = Some(header.clone());
    messages
}

/// The results until the import ends, and how it ended. `seen` is told how many there are.
async fn import(
    caller: &Caller,
    header: &ImportHeader,
    emails: &[String],
    mut seen: impl FnMut(usize),
) -> (Vec<ImportResult>, Result<ImportProgress, Status>) {
    let mut results = Vec::new();
    let answer = caller.invitation().import_invitations(stream::iter(messages(header, emails))).await;
    let mut answers = match answer {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (results, Err(status)),
    };
    let mut progress = ImportProgress::default();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => {
                results.extend(answer.results);
                progress = answer.progress.unwrap_or_default();
                seen(results.len());
            }
            Ok(None) => return (results, Ok(progress)),
            Err(status) => return (results, Err(status)),
        }
    }
}

/// How many kB of memory the process holds.
fn memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it is a number")
}

/// Everybody who has an invitation, each time that he has one.
async fn invited(admin: &Person, community: &str) -> Vec<String> {
    let (mut emails, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListInvitationsRequest {
            parent: community.to_owned(),
            page_size: 200,
            page_token,
            ..ListInvitationsRequest::default()
        };
        let page = admin.caller.invitation().list_invitations(request).await.unwrap().into_inner();
        emails.extend(page.invitations.into_iter().map(|it| it.email));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            emails.sort();
            return emails;
        }
    }
}

#[tokio::test]
async fn an_import_that_a_crash_interrupts_is_repeated_to_the_same_results() {
    let mut suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let header = header(&community);
    let mut emails: Vec<String> = (0..1_500).map(|number| address(&format!("guest{number}"))).collect();
    emails[250] = emails[7].to_uppercase();
    emails[420] = "nobody".to_owned();

    let mut first = Vec::new();
    // Each time it gets a little further, and dies in the midst of a piece.
    for reached in [100, 300] {
        let process = &mut suite.processes.get_mut(&Service::Invitation).unwrap()[0];
        let (results, ended) = import(&admin.caller, &header, &emails, |seen| {
            if seen >= reached {
                process.crash();
            }
        })
        .await;
        assert!(ended.is_err() && results.len() < emails.len(), "it was to die");
        assert_eq!(results[..first.len().min(results.len())], first[..first.len().min(results.len())]);
        if results.len() > first.len() {
            first = results;
        }
        let again = suite.process(Service::Invitation, 0).unwrap();
        suite.processes.insert(Service::Invitation, vec![again]);
        suite.ready().await;
    }
    let (results, ended) = import(&admin.caller, &header, &emails, |_| ()).await;
    let progress = ended.unwrap();
    assert_eq!(
        (progress.received, progress.invited, progress.refused, progress.done),
        (1_500, 1_498, 2, true)
    );
    assert_eq!(results[..first.len()], first);
    let failed: Vec<i32> = results
        .iter()
        .filter(|it| matches!(it.result, Some(Imported::Failure(_))))
        .map(|it| it.index)
        .collect();
    assert_eq!(failed, [250, 420]);
    let mut expected: Vec<String> = emails
        .iter()
        .enumerate()
        .filter(|(index, _)| ![250, 420].contains(index))
        .map(|(_, it)| it.clone())
        .collect();
    expected.sort();
    assert_eq!(invited(&admin, &community).await, expected);
}

#[tokio::test]
async fn a_large_import_takes_no_more_memory_than_a_small_one_and_few_run_at_a_time() {
    let suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    invite(&admin, &community, &address("first"), vec![grant(&community, &["guest"])]).await;
    let process = suite.processes[&Service::Invitation][0].id();
    let emails: Vec<String> = (0..PEOPLE).map(|number| address(&format!("guest{number}"))).collect();
    let mut early = 0;
    let (results, ended) = import(&admin.caller, &header(&community), &emails, |seen| {
        if seen == 1_000 {
            early = memory(process);
        }
    })
    .await;
    assert_eq!(ended.unwrap().invited, i32::try_from(PEOPLE).unwrap());
    assert!(results.iter().enumerate().all(|(place, it)| usize::try_from(it.index).unwrap() == place));
    let late = memory(process);
    assert!(late < early + 32_000, "{early} kB after 1,000 people, {late} kB after all");

    // Imports whose clients do not send on hold the places that there are.
    let hanging = |community: &str| {
        let message = ImportInvitationsRequest { header: Some(header(community)), ..Default::default() };
        stream::StreamExt::chain(stream::iter([message]), stream::pending())
    };
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(admin.caller.invitation().import_invitations(hanging(&community)).await.unwrap());
    }
    let answer = admin.caller.invitation().import_invitations(hanging(&community)).await;
    refused(answer.map(drop), Code::ResourceExhausted, "OVERLOADED");
    // One that goes away makes room.
    waiting.pop();
    sandbox::until("there is room again", || async {
        admin.caller.invitation().import_invitations(hanging(&community)).await.ok().map(drop)
    })
    .await;
}
