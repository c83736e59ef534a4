//! The process that tells of what happens in a service is killed before and after each step from the outbox to NATS and back. It comes
//! back, and every event is in the stream once.

use std::time::Duration;

use sandbox::{Service, Suite, Topology, until};
use sea_orm::{ConnectionTrait as _, Statement};
use usher_api::identity::RequestPasswordResetRequest;

use super::ledger::Ledger;
use super::one_way::{self, OneWay};
use super::standstill::{Point, Standstill};
use super::stream::Stream;
use super::{hasty, kill, revive, start};
use crate::support::address;
use crate::support::tree::managed;

/// How soon all mails are there after the last return: above the turn of a dead one.
const SOON: Duration = Duration::from_secs(20);

/// A suite of which the process of one service dies again and again.
struct Victim {
    suite: Suite,
    ledger: Ledger,
    service: Service,
}

impl Victim {
    async fn new(service: Service) -> Self {
        let suite = start(&hasty(Topology::Apart)).await;
        let ledger = Ledger::open(&suite).await;
        Self { suite, ledger, service }
    }

    fn point(&self, event: &'static str, rows: &'static str) -> Point {
        Point { service: self.service, table: "outbox", event, rows }
    }

    /// Has it come to a commit by what `cause` does, kills it there, and lets the commit last or not.
    async fn dies_at(&mut self, point: Point, lasts: bool, cause: impl AsyncFnOnce(&Self)) {
        // What is told in a turn that goes on takes none.
        self.has_none("outbox_turn WHERE end_time > extract(epoch FROM clock_timestamp()) * 1000000").await;
        let standstill = Standstill::at(&self.suite.description, point).await;
        cause(self).await;
        standstill.is_reached().await;
        kill(&mut self.suite, self.service, 0);
        standstill.decide(lasts).await;
        revive(&mut self.suite, self.service, 0);
    }

    /// Requires that every event of the service comes to be in the stream, once, and that no mail is lost or doubled.
    async fn has_told_all(&self) {
        self.ledger.settles(SOON).await;
        self.has_none("outbox WHERE publish_time IS NULL").await;
        let database = self.database().await;
        let all = "SELECT id::text FROM outbox ORDER BY 1";
        let all = Statement::from_string(database.get_database_backend(), all);
        let rows = database.query_all_raw(all).await.unwrap();
        let written: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        let mut told = Stream::of(&self.suite).await.event_ids(self.service).await;
        // What was written since is not asked for.
        told.retain(|id| written.contains(id));
        told.sort();
        assert_eq!(told, written);
    }

    /// Waits until its database has no more of `rows`.
    async fn has_none(&self, rows: &str) {
        let database = self.database().await;
        let any =
            Statement::from_string(database.get_database_backend(), format!("SELECT 1 FROM {rows} LIMIT 1"));
        until(&format!("there is none of {rows}"), || async {
            database.query_one_raw(any.clone()).await.unwrap().is_none().then_some(())
        })
        .await;
    }

    async fn database(&self) -> sea_orm::DatabaseConnection {
        sea_orm::Database::connect(&self.suite.description.databases[&self.service]).await.unwrap()
    }

    async fn invite(&self) -> String {
        self.ledger.invite(&address("guest")).await
    }
}

/// Kills it where it takes its turn, and where it marks an event as told.
async fn dies_while_it_tells(service: Service, kind: &'static str, cause: impl AsyncFn(&Victim)) {
    let mut victim = Victim::new(service).await;
    let turn = Point { service, table: "outbox_turn", event: "INSERT OR UPDATE OF holder", rows: "true" };
    let told = victim.point("UPDATE OF publish_time", kind);
    for point in [turn, told] {
        for lasts in [false, true] {
            victim.dies_at(point, lasts, &cause).await;
            victim.suite.ready().await;
        }
    }
    victim.has_told_all().await;
}

#[tokio::test]
async fn identity_dies_while_it_tells_and_tells_all_once() {
    dies_while_it_tells(Service::Identity, "NEW.kind = 'mail.requested'", async |victim: &Victim| {
        let request = RequestPasswordResetRequest { email: address("nobody") };
        let admin = victim.ledger.admin().await;
        admin.caller.identity().request_password_reset(request).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn community_dies_while_it_tells_and_tells_all_once() {
    dies_while_it_tells(Service::Community, "NEW.kind = 'community.created'", async |victim: &Victim| {
        managed(&victim.ledger.admin().await).await;
    })
    .await;
}

#[tokio::test]
async fn invitation_dies_while_it_tells_and_tells_all_once() {
    dies_while_it_tells(Service::Invitation, "NEW.kind = 'invitation.created'", async |victim: &Victim| {
        victim.invite().await;
    })
    .await;
}

#[tokio::test]
async fn the_notifier_dies_while_it_tells_and_tells_all_once() {
    dies_while_it_tells(Service::Notifier, "NEW.kind = 'delivery.sent'", async |victim: &Victim| {
        victim.invite().await;
    })
    .await;
}

#[tokio::test]
async fn relays_side_by_side_tell_all_once() {
    let mut suite = start(&hasty(Topology::Apart).with_replicas(Service::Invitation, 2)).await;
    let ledger = Ledger::open(&suite).await;
    let other = Ledger::asking_the_second(&mut suite, Service::Invitation).await;
    let invite = async |ledger: &Ledger| {
        for _ in 0..40 {
            ledger.invite(&address("guest")).await;
        }
    };
    tokio::join!(invite(&ledger), invite(&other));
    other.settles(SOON).await;
    Victim { suite, ledger, service: Service::Invitation }.has_told_all().await;
}

#[tokio::test]
async fn a_relay_that_dies_before_nats_answers_publishes_again_and_the_stream_has_it_once() {
    let mut victim = Victim::new(Service::Invitation).await;
    let way = OneWay::to(one_way::address(&victim.suite), "invitation.created").await;
    way.lead(&victim.suite, Service::Invitation);
    kill(&mut victim.suite, Service::Invitation, 0);
    revive(&mut victim.suite, Service::Invitation, 0);
    victim.suite.ready().await;

    let name = victim.invite().await;
    way.is_passed().await;
    let stream = Stream::of(&victim.suite).await;
    let tells = async || stream.tells("usher.invitation.invitation.created", &name).await.then_some(());
    until("NATS has the event", tells).await;
    kill(&mut victim.suite, Service::Invitation, 0);
    let database = victim.database().await;
    let unmarked = "SELECT 1 FROM outbox WHERE kind = 'invitation.created' AND publish_time IS NULL";
    let unmarked = Statement::from_string(database.get_database_backend(), unmarked);
    assert!(database.query_one_raw(unmarked).await.unwrap().is_some(), "nobody has heard of it");
    way.open();
    revive(&mut victim.suite, Service::Invitation, 0);
    victim.suite.ready().await;
    victim.has_told_all().await;
}

#[tokio::test]
async fn a_relay_that_dies_while_it_confirms_confirms_when_it_is_back() {
    let mut victim = Victim::new(Service::Invitation).await;
    for lasts in [false, true] {
        let confirmed = victim.point("UPDATE OF confirm_time", "NEW.kind = 'invitation.created'");
        victim
            .dies_at(confirmed, lasts, async |victim: &Victim| {
                victim.invite().await;
            })
            .await;
        victim.suite.ready().await;
    }
    victim.has_told_all().await;
    victim.has_none("outbox WHERE confirm_time IS NULL").await;
}

#[tokio::test]
async fn a_relay_that_dies_while_it_looks_for_what_nats_lost_finds_it_when_it_is_back() {
    let mut victim = Victim::new(Service::Invitation).await;
    for lasts in [false, true] {
        // Nobody has heard of the event when the stream is lost.
        kill(&mut victim.suite, Service::Notifier, 0);
        let name = victim.invite().await;
        let stream = Stream::of(&victim.suite).await;
        let tells = async || stream.tells("usher.invitation.invitation.created", &name).await.then_some(());
        until("NATS has the event", tells).await;
        let again = victim.point("UPDATE OF publication", "NEW.kind = 'invitation.created'");
        victim.dies_at(again, lasts, async |_: &Victim| stream.delete().await).await;
        revive(&mut victim.suite, Service::Notifier, 0);
        victim.suite.ready().await;
        victim.ledger.settles(SOON).await;
    }
}
