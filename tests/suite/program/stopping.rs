use nix::sys::signal::Signal;
use sandbox::{Database, Options, Suite, Topology, current};
use uuid::Uuid;

#[tokio::test]
async fn a_process_that_is_told_to_stop_ends_in_time_and_in_order() {
    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let mut suite = Suite::start(&folder, &Options::new(Database::Sqlite, Topology::Together)).await.unwrap();
    let process = &mut suite.processes.values_mut().next().unwrap()[0];
    process.signal(Signal::SIGTERM);
    let status = process.stop().expect("it ends before it is killed");
    assert!(status.success(), "{status}\n{}", process.log());
}
