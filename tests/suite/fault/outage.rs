use sandbox::{Database, Options, Suite, Topology, until};
use tonic::Code;

use super::{new_folder, options, start};
use crate::support::address;
use crate::support::mail::mails;
use crate::support::people::admin_of;
use crate::support::refusal::refused;
use crate::support::tree::{grant, managed, offer};

#[tokio::test]
async fn without_the_database_calls_are_unavailable_and_go_on_when_it_is_back() {
    let folder = new_folder();
    let options = Options::new(Database::Postgres, Topology::Together);
    let mut suite = Suite::start(&folder, &options).await.unwrap();
    let admin = admin_of(&suite.description).await;
    let community = managed(&admin).await;
    let request = || offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    admin.caller.invitation().create_invitation(request()).await.unwrap();

    let mut postgres = suite.postgres.take().unwrap();
    postgres.process.crash();
    let metadata = refused(
        admin.caller.invitation().create_invitation(request()).await,
        Code::Unavailable,
        "DEPENDENCY_UNAVAILABLE",
    );
    assert!(["database", "community"].contains(&metadata["dependency"].as_str()));
    suite.processes.values_mut().flatten().for_each(sandbox::process::Process::assert_alive);

    postgres.restart(&folder).await.unwrap();
    until("calls go on", || async { admin.caller.invitation().create_invitation(request()).await.ok() })
        .await;
}

#[tokio::test]
async fn without_nats_invitations_wait_and_are_mailed_when_it_is_back() {
    let mut suite = start(&options(Topology::Apart)).await;
    let admin = admin_of(&suite.description).await;
    let (community, email) = (managed(&admin).await, address("guest"));
    suite.nats.as_mut().unwrap().process.crash();
    let mut request = offer(&community, &email, vec![grant(&community, &["guest"])]);
    request.notify = None;
    admin.caller.invitation().create_invitation(request).await.expect("the invitation does not need NATS");
    assert!(mails(&suite.description.mailbox, &email).is_empty());
    suite.processes.values_mut().flatten().for_each(sandbox::process::Process::assert_alive);

    suite.nats.as_mut().unwrap().restart().await.unwrap();
    let mailbox = suite.description.mailbox.clone();
    until("the mail arrives", || async { mails(&mailbox, &email).pop() }).await;
}
