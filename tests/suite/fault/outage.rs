use sandbox::{Database, Options, Suite, Topology, until};
use tonic::Code;

use super::new_folder;
use crate::support::address;
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
