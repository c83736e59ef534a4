//! Events come in the wrong order, and again and again.

use std::time::Duration;

use sandbox::{Service, Topology, until};

use super::ledger::Ledger;
use super::stream::{Message, Stream};
use super::{hasty, kill, revive, start};
use crate::support::address;
use crate::support::dice::Dice;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn events_that_come_again_and_in_another_order_change_nothing() {
    let mut suite = start(&hasty(Topology::Apart)).await;
    let ledger = Ledger::open(&suite).await;
    let stream = Stream::of(&suite).await;

    // Nobody has heard of these: they come from the last to the first.
    kill(&mut suite, Service::Notifier, 0);
    let mut names = Vec::new();
    for _ in 0..12 {
        names.push(ledger.invite(&address("guest")).await);
    }
    ledger.revoke(&names[0]).await;
    ledger.accept(&names[1]).await;
    let unheard = until("the events are in the stream", || async {
        let messages = stream.messages().await;
        let of_invitations = |it: &&Message| it.subject.starts_with("usher.invitation.");
        (messages.iter().filter(of_invitations).count() >= 14).then_some(messages)
    })
    .await;
    stream.purge(0).await;
    stream.publish_again(unheard.into_iter().rev().collect()).await;
    revive(&mut suite, Service::Notifier, 0);
    ledger.settles(SOON).await;

    // These were heard by all: they come twice more, in any order.
    let mut dice = Dice::new(1);
    for _ in 0..2 {
        let mut heard = stream.messages().await;
        dice.shuffle(&mut heard);
        stream.publish_again(heard).await;
    }
    ledger.invite(&address("guest")).await;
    ledger.settles(SOON).await;
    until("all was heard", || async { stream.is_heard().await.then_some(()) }).await;
    ledger.settles(SOON).await;
}
