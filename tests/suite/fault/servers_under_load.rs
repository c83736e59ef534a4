//! PostgreSQL and NATS end, orderly or not, and lose what they had, while people invite, accept and revoke.

use std::time::{Duration, Instant};

use futures::future::join_all;
use sandbox::{Database, Options, Suite, Topology, until};
use usher_api::invitation::DeliveryState;

use super::ledger::Ledger;
use super::{hasty, lasting, new_folder, start};
use crate::support::address;

/// How soon all mails are there after the last return.
const SOON: Duration = Duration::from_secs(40);
/// Longer than the processes wait for an answer of NATS.
const A_WHILE: Duration = Duration::from_secs(7);

/// People who invite at the same time, and how long each does something else in between.
const INVITERS: usize = 3;
const PACE: Duration = Duration::from_millis(200);

/// Invites until `fault` is over. Of six invitations one is accepted, one is revoked, and one goes to where there is no such mailbox.
pub async fn under_load<T>(ledger: &Ledger, fault: impl Future<Output = T>) -> T {
    let over = tokio::sync::watch::Sender::new(false);
    let inviting = async |inviter: usize| {
        let mut number = inviter;
        while !*over.borrow() {
            match number % 6 {
                1 => ledger.accept(&ledger.invite(&address("guest")).await).await,
                3 => ledger.revoke(&ledger.invite(&address("guest")).await).await,
                5 => {
                    ledger.invite_in_vain(&address("refuse-550"), DeliveryState::Failed).await;
                }
                _ => {
                    ledger.invite(&address("guest")).await;
                }
            }
            number += 1;
            tokio::time::sleep(PACE).await;
        }
    };
    let fault = async {
        let outcome = fault.await;
        over.send_replace(true);
        outcome
    };
    let (outcome, _) = tokio::join!(fault, join_all((0..INVITERS).map(inviting)));
    outcome
}

#[tokio::test]
async fn what_postgresql_answered_before_it_died_or_was_restarted_is_kept() {
    let folder = new_folder();
    let options = Options { postgres_url: None, ..hasty(Topology::Apart) };
    assert_eq!(options.database, Database::Postgres);
    let mut suite = Suite::start(&folder, &options).await.unwrap();
    let ledger = Ledger::open(&suite).await;
    let mut postgres = suite.postgres.take().unwrap();
    let fault = async {
        for crash in [true, false] {
            ledger.invite(&address("guest")).await;
            let begun = Instant::now();
            if crash {
                postgres.process.crash();
            } else {
                postgres.process.stop();
            }
            postgres.restart(&folder).await.unwrap();
            // Who could not write down that a mail was taken had to send it again.
            ledger.strike_since(begun, 1);
            ledger.invite(&address("guest")).await;
        }
    };
    under_load(&ledger, Box::pin(fault)).await;
    suite.processes.values_mut().flatten().for_each(sandbox::process::Process::assert_alive);
    ledger.settles(SOON).await;
    drop(suite);
    drop(postgres);
}

#[tokio::test]
async fn what_happens_while_nats_is_away_is_told_when_it_is_back() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let nats = suite.nats.as_mut().unwrap();
    let fault = async {
        nats.process.crash();
        tokio::time::sleep(lasting(A_WHILE, Duration::from_mins(1))).await;
        nats.restart().await.unwrap();
        ledger.invite(&address("guest")).await;
        nats.process.stop();
        nats.restart().await.unwrap();
    };
    under_load(&ledger, Box::pin(fault)).await;
    ledger.settles(SOON).await;
}

#[tokio::test]
async fn what_nats_loses_is_told_again() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let url = suite.description.nats_url.clone().unwrap();
    let nats = suite.nats.as_mut().unwrap();
    let fault = async {
        let client = sandbox::nats::connect(&url).await.unwrap();
        let jetstream = async_nats::jetstream::new(client);
        until("there is a stream to delete", || async { jetstream.delete_stream("USHER").await.ok() }).await;
        ledger.invite(&address("guest")).await;
        nats.process.crash();
        nats.wipe().unwrap();
        nats.restart().await.unwrap();
        ledger.invite(&address("guest")).await;
    };
    under_load(&ledger, Box::pin(fault)).await;
    ledger.settles(SOON).await;
}
