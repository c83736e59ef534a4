use std::time::Duration;

use futures::future::join_all;
use sandbox::{Caller, Service, Topology};
use tonic::Code;
use usher_api::identity::{AuthenticateRequest, GetJsonWebKeysRequest};

use super::{options, start};
use crate::support::address;
use crate::support::refusal::refused;
use crate::support::source::Source;

const SIGN_INS: usize = 200;
/// What hashing one password takes, in KiB.
const HASH_MEMORY: u64 = 46 * 1_024;
/// How many are hashed at a time by default.
const PERMITS: u64 = 4;
/// How many pieces of that memory the allocator has: those in use, and some that it gives back to the system only a while later.
const PIECES: u64 = PERMITS + 2;
/// What may come beside: buffers of 200 calls, and what allocators keep.
const REST: u64 = 64 * 1_024;

/// The most memory that the process ever held, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}

#[tokio::test]
async fn many_sign_ins_at_once_take_little_memory_and_keep_no_other_call_waiting() {
    let suite = start(&options(Topology::Apart)).await;
    let anyone = Caller::nobody_at(&suite.description);
    anyone.identity().get_json_web_keys(GetJsonWebKeysRequest {}).await.unwrap();
    let process = suite.processes[&Service::Identity][0].id();
    let before = peak(process);

    let page = anyone.service("alerts");
    let sign_ins = join_all((0..SIGN_INS).map(|_| async {
        let request = AuthenticateRequest {
            email: address("nobody"),
            password: "whatever it may be".to_owned(),
            ..AuthenticateRequest::default()
        };
        let mut request = Source::new().request(request);
        // They wait for their turn, on a busy machine longer than calls may take by default.
        request.set_timeout(Duration::from_mins(1));
        page.identity().authenticate(request).await
    }));
    tokio::pin!(sign_ins);
    let mut answered = 0;
    let refusals = loop {
        tokio::select! {
            refusals = &mut sign_ins => break refusals,
            keys = async { anyone.identity().get_json_web_keys(GetJsonWebKeysRequest {}).await } => {
                keys.expect("others are answered meanwhile");
                answered += 1;
            }
        }
    };
    for refusal in refusals {
        refused(refusal, Code::Unauthenticated, "CREDENTIALS_INVALID");
    }
    assert!(answered > SIGN_INS, "only {answered} other calls were answered meanwhile");
    let grown = peak(process) - before;
    assert!(grown <= PIECES * HASH_MEMORY + REST, "{grown} KiB more than before");
}
