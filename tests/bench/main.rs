//! How fast access is answered, passwords are judged and mails leave, beside what the machine can do at all in the same run: only the ratios mean something elsewhere.
//!
//! Starts a suite on PostgreSQL, fills it with `usher seed`, and measures. Never part of the tests.

mod alike;
mod delivery;
mod measure;
mod passwords;
mod population;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use sandbox::{Caller, Database, Options, Service, Suite, Topology};
use sea_orm::ConnectionTrait as _;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use usher_api::community::{BatchCheckAccessRequest, CheckAccessRequest, ListMembersRequest};

use measure::{Measured, measure};
use population::Population;

/// Measures the services.
#[derive(Parser)]
struct Arguments {
    /// An empty folder for everything that the suite writes
    #[arg(long)]
    folder: PathBuf,
    /// Managed communities inside one MSSP community
    #[arg(long, default_value = "1000")]
    communities: String,
    /// People
    #[arg(long, default_value = "100000")]
    users: String,
    /// Memberships
    #[arg(long, default_value = "1000000")]
    memberships: String,
    /// How long each measurement lasts, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Calls at a time
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// Pairs of refused sign-ins, of people with an account and without, that are compared
    #[arg(long, default_value_t = 300)]
    sign_ins: usize,
    /// Mails that wait for the notifier
    #[arg(long, default_value_t = 3_000)]
    mails: usize,
    /// Events that wait for the relay
    #[arg(long, default_value_t = 200_000)]
    events: usize,
    /// Invitations one after the other
    #[arg(long, default_value_t = 200)]
    invitations_alone: usize,
    /// The only part to measure
    #[arg(long)]
    only: Option<Part>,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Checks and lists in a large tree
    Access,
    /// What judging passwords costs and gives away
    Passwords,
    /// Events and mails
    Delivery,
}

/// How soon after its commit an event is to be out when nothing else happens.
const SOON: Duration = Duration::from_millis(20);
/// How much is to be reached of what the machine can do.
const SHARE: u32 = 70;
/// As many connections as the service has to its database.
const CONNECTIONS: u32 = 10;
/// The checks in one batch, as many as there may be.
const BATCH: usize = 1_000;
/// How deep in a list "deep" is, in pages of [`PAGE`].
const DEPTH: usize = 100;
const PAGE: i32 = 5;

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let options = Options::new(Database::Postgres, Topology::Apart);
    let mut suite = Suite::start(&arguments.folder, &options).await.expect("the suite must start");
    let asked = |part| arguments.only.is_none_or(|only| only == part);
    if asked(Part::Delivery) {
        deliver(&arguments, &mut suite).await;
    }
    if asked(Part::Access) {
        access(&arguments, &suite).await;
    }
    if asked(Part::Passwords) {
        judge(&arguments, &suite).await;
    }
    for complaint in suite.stop() {
        eprintln!("bench: {complaint}");
    }
}

fn table(rows: &[(&str, &Measured)]) {
    println!("\n{:44} {:>10} {:>10} {:>10}", "", "per second", "p50 ms", "p99 ms");
    for (name, measured) in rows {
        println!("{name:44} {measured}");
    }
}

async fn deliver(arguments: &Arguments, suite: &mut Suite) {
    let measured =
        delivery::measure(suite, arguments.mails, arguments.events, arguments.invitations_alone).await;
    table(&[
        ("from the call to NATS, one at a time", &measured.to_nats),
        ("from the call to the mail server", &measured.to_smtp),
    ]);
    println!("\n{:44} {:>10}", "", "per second");
    for (name, rate) in [
        ("limit: mails of a pool of lettre", measured.raw_mails),
        ("mails of one notifier", measured.mails),
        ("limit: the pool, where each takes 20 ms", measured.raw_mails_to_slow),
        ("the notifier there", measured.mails_to_slow),
        ("limit: messages that JetStream takes", measured.raw_events),
        ("events of one relay", measured.events),
    ] {
        println!("{name:44} {rate:>10.0}");
    }
    println!(
        "\nof the median to NATS, all that follows the commit is to take less than {SOON:?}: with the call it takes {:.1} ms",
        measured.to_nats.median()
    );
    println!("of each limit {SHARE} % are to be reached");
    println!("the notifier reaches {:.0} % of the pool", 100.0 * measured.mails / measured.raw_mails);
    println!(
        "where a mail takes {:?}, it reaches {:.0} %",
        delivery::WRITING,
        100.0 * measured.mails_to_slow / measured.raw_mails_to_slow
    );
    println!("the relay reaches {:.0} % of JetStream", 100.0 * measured.events / measured.raw_events);
}

async fn access(arguments: &Arguments, suite: &Suite) {
    let sizes = [&*arguments.communities, &*arguments.users, &*arguments.memberships];
    let bench = Bench {
        caller: Caller::nobody_at(&suite.description).service("alerts"),
        people: Population::make(&suite.description, sizes).await,
        concurrency: arguments.concurrency,
        time: Duration::from_secs(arguments.seconds),
    };
    let database = bench.database().await;
    let rpc = bench.rpc(&suite.description.endpoints[&Service::Community][0]).await;
    let check = bench.check(true).await;
    let small = bench.check(false).await;
    let batch = bench.batch().await;
    let (first, deep) = (bench.page(0).await, bench.page(DEPTH).await);
    table(&[
        ("limit: SELECT 1", &database),
        ("limit: a health check over gRPC", &rpc),
        ("CheckAccess, in the large tree", &check),
        ("CheckAccess, in a tree of one", &small),
        ("BatchCheckAccess of 1,000", &batch),
        ("ListMembers, first page of 5", &first),
        ("ListMembers, page 100 of 5", &deep),
    ]);
    println!("\nCheckAccess reaches {:.0} % of SELECT 1", 100.0 * check.per_second() / database.per_second());
    println!("CheckAccess reaches {:.0} % of a health check", 100.0 * check.per_second() / rpc.per_second());
    println!("the large tree takes {:.2} times the small one", check.median() / small.median());
    println!("a check in a batch takes {:.3} of one alone", batch.median() / BATCH as f64 / check.median());
    println!("page 100 takes {:.2} times page 1", deep.median() / first.median());
}

async fn judge(arguments: &Arguments, suite: &Suite) {
    let (suite, time, pairs) =
        (&suite.description, Duration::from_secs(arguments.seconds), arguments.sign_ins);
    let good = passwords::assess(suite, time, false).await;
    let laborious = passwords::assess(suite, time, true).await;
    let refusals = passwords::sign_in_refusals(suite, pairs, false).await;
    let locks = passwords::sign_in_refusals(suite, pairs / 3, true).await;
    let resets = passwords::reset_requests(suite, pairs).await;
    table(&[
        ("AssessPassword, a good one, one at a time", &good),
        ("AssessPassword, the most laborious", &laborious),
    ]);
    for (what, compared) in [
        ("refused sign-ins: the one to accounts with another password", &refusals),
        ("sign-ins that lock the address: the one of accounts", &locks),
        ("forgotten passwords: the one of accounts", &resets),
    ] {
        println!("\n{what}, the other without an account\n{compared}");
    }
}

struct Bench {
    caller: Caller,
    people: Population,
    concurrency: usize,
    time: Duration,
}

impl Bench {
    /// What the database answers at all.
    async fn database(&self) -> Measured {
        let mut options = sea_orm::ConnectOptions::new(&self.people.url);
        options.max_connections(CONNECTIONS).sqlx_logging(false);
        let database = sea_orm::Database::connect(options).await.expect("the database answers");
        measure(self.concurrency, self.time, async |_| {
            database.execute_unprepared("SELECT 1").await.expect("it answers");
        })
        .await
    }

    /// What the transport answers at all.
    async fn rpc(&self, address: &str) -> Measured {
        let channel = Endpoint::from_shared(address.to_owned()).expect("an address").connect_lazy();
        let client = HealthClient::new(channel);
        measure(self.concurrency, self.time, async |_| {
            client.clone().check(HealthCheckRequest::default()).await.expect("it answers");
        })
        .await
    }

    async fn check(&self, large: bool) -> Measured {
        let client = self.caller.community();
        measure(self.concurrency, self.time, async |number| {
            let request = if large { self.people.check(number) } else { self.people.small_check() };
            client.clone().check_access(request).await.expect("it answers");
        })
        .await
    }

    async fn batch(&self) -> Measured {
        let client = self.caller.community();
        measure(2, self.time, async |number| {
            let checks: Vec<CheckAccessRequest> =
                (0..BATCH).map(|check| self.people.check(number * BATCH + check)).collect();
            let request = BatchCheckAccessRequest { checks, ..BatchCheckAccessRequest::default() };
            client.clone().batch_check_access(request).await.expect("it answers");
        })
        .await
    }

    /// The page of the community with most members that comes after `depth` others.
    async fn page(&self, depth: usize) -> Measured {
        let client = self.caller.community();
        let mut request = ListMembersRequest {
            parent: self.people.largest.clone(),
            page_size: PAGE,
            ..ListMembersRequest::default()
        };
        for _ in 0..depth {
            let page = client.clone().list_members(request.clone()).await.expect("it answers").into_inner();
            request.page_token = page.next_page_token;
        }
        measure(1, self.time, async |_| {
            client.clone().list_members(request.clone()).await.expect("it answers");
        })
        .await
    }
}
