//! How fast what happened becomes a mail: beside what a mail server and NATS take from whoever does nothing else.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::stream::Stream;
use async_nats::{HeaderMap, HeaderName};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use sandbox::smtp::{Act, Step};
use sandbox::{Caller, Service, Suite, until};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use usher_api::community::{Community, CommunityKind, CreateCommunityRequest, Grant};
use usher_api::identity::AuthenticateRequest;
use usher_api::invitation::{
    CreateInvitationRequest, ImportHeader, ImportInvitationsRequest, ImportItem, Invitation,
};
use uuid::Uuid;

use crate::measure::Measured;

/// How many mails go at a time, as the notifier is set by default.
const AT_ONCE: usize = 8;
/// How long a mail server takes that writes mails to a disk.
pub const WRITING: Duration = Duration::from_millis(20);
/// How many events a relay takes at a time.
const BATCH: usize = 1_000;
/// How many times as many wait for NATS to take them, as with a relay.
const ON_THEIR_WAY: usize = 4;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// Somebody who may invite, and where.
pub struct Inviter {
    caller: Caller,
    community: String,
}

/// Rates, each beside that of whoever does nothing else, and how long one invitation takes when there is no other.
pub struct Delivery {
    /// To a server that takes a mail at once.
    pub mails: f64,
    pub raw_mails: f64,
    /// To one that takes [`WRITING`] for each.
    pub mails_to_slow: f64,
    pub raw_mails_to_slow: f64,
    pub events: f64,
    pub raw_events: f64,
    /// From the call that invites until its event is out: what the call takes up to its commit, and from there.
    pub to_nats: Measured,
    /// From that call until the mail server has the mail.
    pub to_smtp: Measured,
}

/// Measures so many mails and events, and so many invitations one after the other.
pub async fn measure(suite: &mut Suite, mails: usize, events: usize, alone: usize) -> Delivery {
    let inviter = Inviter::new(suite).await;
    let (to_nats, to_smtp) = inviter.alone(suite, alone).await;
    let raw = raw_mails(suite, mails).await;
    let ours = inviter.mails(suite, mails).await;
    let slow = Act::Delay(WRITING);
    suite.smtp.faults.add(Step::LastWord, slow, 2 * mails);
    let raw_mails_to_slow = raw_mails(suite, mails).await;
    let mails_to_slow = inviter.mails(suite, mails).await;
    suite.smtp.faults.clear();
    // Before and after, since what the machine has left for NATS changes.
    let before = raw_events(suite, events).await;
    let ours_of_events = relayed(suite, events).await;
    let limit = f64::midpoint(before, raw_events(suite, events).await);
    Delivery {
        mails: ours,
        raw_mails: raw,
        mails_to_slow,
        raw_mails_to_slow,
        events: ours_of_events,
        raw_events: limit,
        to_nats,
        to_smtp,
    }
}

impl Inviter {
    async fn new(suite: &Suite) -> Self {
        let description = &suite.description;
        let anyone = Caller::nobody_at(description);
        let request = AuthenticateRequest {
            email: description.admin_email.clone(),
            password: description.admin_password.clone(),
            ..AuthenticateRequest::default()
        };
        let answer = anyone.identity().authenticate(request).await.expect("the password is right");
        let token = answer.into_inner().credentials.expect("credentials come").access_token;
        let caller = anyone.bearing(&token);
        let community = Community {
            kind: CommunityKind::Managed.into(),
            display_name: "Measured".to_owned(),
            ..Community::default()
        };
        let request =
            CreateCommunityRequest { community: Some(community), ..CreateCommunityRequest::default() };
        let made = caller.community().create_community(request).await.expect("the community is made");
        Self { caller, community: made.into_inner().community.expect("it comes").name }
    }

    fn grants(&self) -> Vec<Grant> {
        let roles = vec!["guest".to_owned()];
        vec![Grant { community: self.community.clone(), roles, ..Grant::default() }]
    }

    /// Invites people one after the other, each when the mail of the one before is there.
    async fn alone(&self, suite: &Suite, count: usize) -> (Measured, Measured) {
        let client = sandbox::nats::connect(suite.description.nats_url.as_deref().expect("they are apart"));
        let client = client.await.expect("NATS answers");
        // A suite that has just begun makes it, and waits a second before that.
        let jetstream = jetstream::new(client.clone());
        until("there is a stream", || async { jetstream.get_stream("USHER").await.ok() }).await;
        let created = client.subscribe("usher.invitation.invitation.created").await.expect("it may listen");
        client.flush().await.expect("NATS answers");
        let mut created = created.map(|_| Instant::now());
        let (mut to_nats, mut to_smtp) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let email = address();
            let invitation =
                Invitation { email: email.clone(), grants: self.grants(), ..Invitation::default() };
            let request = CreateInvitationRequest {
                parent: self.community.clone(),
                invitation: Some(invitation),
                request_id: Uuid::new_v4().to_string(),
                ..CreateInvitationRequest::default()
            };
            let called = Instant::now();
            self.caller.invitation().create_invitation(request).await.expect("the invitation is made");
            let out = created.next().await.expect("NATS goes on");
            let taken =
                until("the mail is there", || async { suite.smtp.record.of(&email).pop() }).await.taken;
            to_nats.push(out - called);
            to_smtp.push(taken - called);
        }
        (Measured::of(to_nats), Measured::of(to_smtp))
    }

    /// Mails per second of one notifier that finds them all waiting.
    async fn mails(&self, suite: &mut Suite, count: usize) -> f64 {
        let notifiers = suite.processes.get_mut(&Service::Notifier).expect("it runs");
        for notifier in notifiers {
            notifier.stop();
        }
        self.import(count).await;
        let invitations = database(suite, Service::Invitation).await;
        patiently("all events are out", || none(&invitations, UNPUBLISHED)).await;
        let before = suite.smtp.record.count();
        let again = suite.process(Service::Notifier, 0).expect("it started before");
        suite.processes.insert(Service::Notifier, vec![again]);
        rate_of(suite, before, count).await
    }

    async fn import(&self, count: usize) {
        let header = ImportHeader {
            parent: self.community.clone(),
            grants: self.grants(),
            request_id: Uuid::new_v4().to_string(),
            ..ImportHeader::default()
        };
        let item = |_| ImportItem { email: address(), ..ImportItem::default() };
        let request = ImportInvitationsRequest {
            header: Some(header),
            items: (0..count).map(item).collect(),
            ..ImportInvitationsRequest::default()
        };
        let answers = self.caller.invitation().import_invitations(stream::iter([request])).await;
        let mut answers = answers.expect("the administrator may invite").into_inner();
        while answers.message().await.expect("the import goes on").is_some() {}
    }
}

/// An address of its own, in one of many domains.
fn address() -> String {
    let id = Uuid::new_v4();
    format!("guest.{}@place{}.test", id.simple(), id.as_u128() % 100)
}

/// The rate at which the mail server takes `count` mails after the first `before`.
async fn rate_of(suite: &Suite, before: usize, count: usize) -> f64 {
    patiently("all mails are there", || async { suite.smtp.record.count() >= before + count }).await;
    let all = suite.smtp.record.all();
    let time = all[before + count - 1].taken - all[before].taken;
    (count - 1) as f64 / time.as_secs_f64()
}

/// Mails per second of lettre's own pool, each as long as one of ours.
async fn raw_mails(suite: &Suite, count: usize) -> f64 {
    let mail = any_mail(&suite.description.mailbox);
    let pool = PoolConfig::new().max_size(AT_ONCE as u32);
    let transport =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(suite.smtp.port);
    let transport = transport.pool_config(pool).build();
    let before = suite.smtp.record.count();
    let sent = stream::iter(0..count).map(|_| async {
        let (from, to) =
            ("no-reply@usher.test".parse().expect("it is one"), address().parse().expect("it is one"));
        let envelope = Envelope::new(Some(from), vec![to]).expect("it has a recipient");
        transport.send_raw(&envelope, &mail).await.expect("the server takes it");
    });
    sent.buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(())).await;
    rate_of(suite, before, count).await
}

fn any_mail(mailbox: &Path) -> Vec<u8> {
    let folder = std::fs::read_dir(mailbox).expect("there is a mailbox").next().expect("somebody got a mail");
    let folder = std::fs::read_dir(folder.expect("it can be read").path()).expect("it can be read");
    let file = folder.flatten().next().expect("it holds a mail").path();
    std::fs::read(file).expect("it can be read")
}

const UNPUBLISHED: &str = "SELECT count(*) FROM outbox WHERE publish_time IS NULL";
/// What is told in the measurement of the relay: as long as an event about an invitation, with ids that follow one another as real ones
/// do, and to be published from the moment `$2` on.
const TELL: &str = "INSERT INTO outbox (id, kind, resource, version, payload, traceparent, occur_time, available_time, attempts, publication) \
     SELECT (lpad(to_hex(number), 8, '0') || substr(gen_random_uuid()::text, 9))::uuid, 'delivery.measured', 'deliveries/' || gen_random_uuid(), \
     1, decode(repeat('00', 200), 'hex'), '00-' || md5(number::text) || '-' || substr(md5(number::text), 1, 16) || '-01', number, $2, 0, 0 \
     FROM generate_series(1, $1) number";
/// The microseconds from the first mark that one of those is published to the last.
const TOLD: &str =
    "SELECT max(publish_time) - min(publish_time) FROM outbox WHERE kind = 'delivery.measured'";
/// How long the relay finds nothing of what is told: PostgreSQL gets to know the table meanwhile, as it does within a minute.
const TELLING: Duration = Duration::from_secs(20);

/// Events per second through the relay of the notifier, which finds them all waiting. Nobody hears them meanwhile: what consumers do
/// with events is not the relay's.
async fn relayed(suite: &mut Suite, count: usize) -> f64 {
    patiently("everything has been heard", || everything_is_heard(suite)).await;
    for mut process in suite.processes.remove(&Service::Invitation).expect("it runs") {
        process.stop();
    }
    let outbox = database(suite, Service::Notifier).await;
    let before = stream(suite).await.cached_info().state.last_sequence;
    assert!(count > BATCH, "fewer leave together");
    let all = before + count as u64;
    let told = i64::try_from(count).expect("there are not so many");
    let backend = outbox.get_database_backend();
    let available = std::time::UNIX_EPOCH.elapsed().expect("it is later") + TELLING;
    let available = i64::try_from(available.as_micros()).expect("there are not so many");
    let tell = Statement::from_sql_and_values(backend, TELL, [told.into(), available.into()]);
    outbox.execute_raw(tell).await.expect("the events are written");
    outbox.execute_unprepared("ANALYZE outbox").await.expect("it runs");
    // NATS is asked, which costs the database nothing.
    patiently("all events are out", || async {
        stream(suite).await.cached_info().state.last_sequence >= all
    })
    .await;
    patiently("all are marked", || none(&outbox, UNPUBLISHED)).await;
    let row = outbox.query_one_raw(Statement::from_string(backend, TOLD)).await.expect("it runs");
    let micros: i64 = row.expect("it counts").try_get_by_index(0).expect("it is a number");
    // The first mark is of a batch that was sent before it.
    (count - BATCH) as f64 * 1e6 / micros as f64
}

/// Messages per second that NATS takes from one client, each as long as those of the relay, under as many headers.
async fn raw_events(suite: &Suite, count: usize) -> f64 {
    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().expect("they are apart"));
    let jetstream = jetstream::new(client.await.expect("NATS answers"));
    let begun = Instant::now();
    let first = Uuid::new_v4().as_u128();
    let mut unacknowledged = VecDeque::new();
    for number in 0..count {
        let headers = headers_of(first, number);
        let sent = jetstream.publish_with_headers("usher.bench.event.measured", headers, vec![0; 200].into());
        unacknowledged.push_back(sent.await.expect("NATS is there"));
        if unacknowledged.len() == ON_THEIR_WAY * BATCH {
            taken(unacknowledged.pop_front().expect("it is full")).await;
        }
    }
    for acknowledgement in unacknowledged {
        taken(acknowledgement).await;
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn taken(acknowledgement: PublishAckFuture) {
    let taken = acknowledgement.await.expect("NATS takes it");
    assert!(!taken.duplicate, "less is to be done for one that is dropped");
}

/// What the relay says of an event of [`TELL`].
fn headers_of(first: u128, number: usize) -> HeaderMap {
    let id = Uuid::from_u128(first ^ number as u128).to_string();
    HeaderMap::from_iter([
        (HeaderName::from_static("Nats-Msg-Id"), id.as_str().into()),
        (HeaderName::from_static("ce-id"), id.into()),
        (HeaderName::from_static("ce-specversion"), "1.0".into()),
        (HeaderName::from_static("ce-type"), "delivery.measured".into()),
        (HeaderName::from_static("ce-source"), "usher/notifier".into()),
        (HeaderName::from_static("ce-subject"), "deliveries/5bb77d5b-2d3b-4ac0-a5ea-0d63ce1b8f4d".into()),
        (HeaderName::from_static("ce-time"), "1970-01-01T00:00:00.123456Z".into()),
        (HeaderName::from_static("ce-ushertime"), number.into()),
        (HeaderName::from_static("ce-sequence"), 1.into()),
        (HeaderName::from_static("content-type"), "application/protobuf".into()),
        (
            HeaderName::from_static("traceparent"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        ),
    ])
}

async fn database(suite: &Suite, service: Service) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(&suite.description.databases[&service]);
    options.max_connections(2).sqlx_logging(false);
    sea_orm::Database::connect(options).await.expect("the database answers")
}

async fn stream(suite: &Suite) -> Stream {
    let client = sandbox::nats::connect(suite.description.nats_url.as_deref().expect("they are apart"));
    let jetstream = jetstream::new(client.await.expect("NATS answers"));
    jetstream.get_stream("USHER").await.expect("there is a stream")
}

/// Whether no consumer has anything left to do.
async fn everything_is_heard(suite: &Suite) -> bool {
    let consumers: Vec<_> = stream(suite).await.consumers().try_collect().await.expect("they are told");
    consumers.iter().all(|consumer| consumer.num_pending == 0 && consumer.num_ack_pending == 0)
}

/// Waits until `holds`, as long as it takes.
///
/// # Panics
/// If that is more than [`PATIENCE`].
async fn patiently<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            // Rarely, so that the looking does not slow down what is measured.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}: not within {PATIENCE:?}");
}

/// Whether `sql` counts none.
async fn none(database: &DatabaseConnection, sql: &str) -> bool {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let row = database.query_one_raw(statement).await.expect("it runs").expect("it counts");
    row.try_get_by_index::<i64>(0).expect("it is a number") == 0
}
