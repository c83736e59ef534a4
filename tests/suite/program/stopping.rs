use std::time::Instant;

use nix::sys::signal::Signal;
use sandbox::{Database, Options, Suite, Topology, current};
use usher_api::invitation::WatchInvitationsRequest;
use uuid::Uuid;

use crate::support::people::admin_of;
use crate::support::tree::managed;

#[tokio::test]
async fn a_process_that_is_told_to_stop_ends_in_time_and_in_order_and_its_streams_with_it() {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let mut suite = Suite::start(&folder, &Options::new(Database::Sqlite, Topology::Together)).await.unwrap();
    let admin = admin_of(&suite.description).await;
    let request =
        WatchInvitationsRequest { parent: managed(&admin).await, ..WatchInvitationsRequest::default() };
    let answer = admin.caller.invitation().watch_invitations(request).await.unwrap();
    let mut stream = answer.into_inner();
    stream.message().await.unwrap().expect("the first message comes at once");

    let process = &mut suite.processes.values_mut().next().unwrap()[0];
    let told = Instant::now();
    process.signal(Signal::SIGTERM);
    while let Some(message) = stream.message().await.expect("the stream ends in order") {
        assert_eq!(message.changes, []);
    }
    // Long before calls are cut off.
    assert!(told.elapsed().as_secs() < 8, "{:?}", told.elapsed());
    // Told once: a second signal would end it at once.
    let status = process.ended().expect("it ends before it is killed");
    assert!(status.success(), "{status}\n{}", process.log());
}
