//! Metrics reach a collector by OTLP, and are right.

mod collector;

use sandbox::process::Process;
use sandbox::{Database, Options, Service, Suite, Topology, current, program};
use sea_orm::{ConnectionTrait as _, Statement};
use usher_runtime::Clock;
use uuid::Uuid;

use crate::support::address;
use crate::support::endpoint::{Answer, Endpoint};
use crate::support::people::{Person, admin_of};
use crate::support::tree::{grant, managed, offer};
use crate::support::webhooks::{test_webhook, webhook};
use collector::Collector;

/// A suite of which a process tells a collector what it counts: the only one, or that of the invitation service.
struct Measured {
    suite: Suite,
    collector: Collector,
    admin: Person,
    community: String,
    _process: Process,
}

impl Measured {
    async fn start(options: &Options, metric: &str) -> Self {
        let collector = Collector::default();
        let endpoint = collector.serve().await;
        let folder = current().folder.join(Uuid::new_v4().simple().to_string());
        std::fs::create_dir(&folder).unwrap();
        let mut suite = Suite::start(&folder, options).await.unwrap();
        let service = match options.topology {
            Topology::Together => Service::ALL[0],
            Topology::Apart => Service::Invitation,
        };
        suite.processes.get_mut(&service).unwrap()[0].crash();
        let file = suite.description.settings_file(service, 0);
        let settings = std::fs::read_to_string(&file).unwrap();
        let told = format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n");
        std::fs::write(&file, settings.replace("[telemetry]\n", &told)).unwrap();
        let (program, file) = (program(), file.to_string_lossy().into_owned());
        let names = suite.description.service_names(service);
        let command = [
            "env",
            "OTEL_METRIC_EXPORT_INTERVAL=500",
            &program.to_string_lossy(),
            "serve",
            "--services",
            &names,
            "--config",
            &file,
        ];
        let process = Process::start(&folder, "measured", None, &command).unwrap();
        collector.when(metric, 0.0..=0.0).await;
        let admin = admin_of(&suite.description).await;
        let community = managed(&admin).await;
        Self { suite, collector, admin, community, _process: process }
    }

    async fn together() -> Self {
        Self::start(&Options::new(Database::Sqlite, Topology::Together), "usher.mail.waiting").await
    }

    async fn invite(&self) {
        let mut request = offer(&self.community, &address("guest"), vec![grant(&self.community, &["guest"])]);
        request.notify = None;
        self.admin.caller.invitation().create_invitation(request).await.unwrap();
    }

    /// Has the invitation service tell what nobody can read.
    async fn tell_nonsense(&self) {
        let url = &self.suite.description.databases[&Service::Invitation];
        let database = sea_orm::Database::connect(url).await.unwrap();
        let sql = "INSERT INTO outbox (id, kind, resource, version, payload, traceparent, occur_time, available_time, attempts) \
                   VALUES ($1, 'invitation.created', 'nonsense', 1, $2, '', $3, $3, 0)";
        let now = Clock::system().now().0;
        let values = [Uuid::new_v4().into(), vec![0xff_u8].into(), now.into()];
        let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
        database.execute_raw(statement).await.unwrap();
    }
}

#[tokio::test]
async fn a_collector_learns_how_events_and_mails_stand() {
    let mut measured = Measured::together().await;
    measured.invite().await;
    let collector = measured.collector.clone();
    collector.when("usher.mail.attempts outcome=sent", 1.0..=1.0).await;
    for service in Service::ALL.map(Service::name) {
        collector.when(&format!("usher.outbox.backlog service={service}"), 0.0..=0.0).await;
        collector.when(&format!("usher.outbox.oldest_age service={service}"), 0.0..=0.0).await;
        collector.when(&format!("usher.outbox.unconfirmed service={service}"), 0.0..=0.0).await;
        collector.when(&format!("usher.event.dead_letters service={service}"), 0.0..=0.0).await;
    }
    let published = "messaging.client.sent.messages outcome=ok service=invitation";
    collector.when(published, 1.0..).await;
    let consumed = "messaging.client.consumed.messages consumer=notifier outcome=ok";
    collector.when(consumed, 1.0..).await;

    measured.suite.smtp.stop();
    measured.invite().await;
    collector.when("usher.mail.waiting", 1.0..=1.0).await;
    collector.when("usher.mail.oldest_age", f64::MIN_POSITIVE..60.0).await;
    collector.when("usher.mail.attempts outcome=stopped", 1.0..).await;
    assert_eq!(collector.value("usher.mail.attempts outcome=sent"), Some(1.0));
    measured.suite.smtp.restart().unwrap();
    collector.when("usher.mail.attempts outcome=sent", 2.0..=2.0).await;
    collector.when("usher.mail.waiting", 0.0..=0.0).await;
}

#[tokio::test]
async fn a_collector_learns_what_waits_while_nats_is_away() {
    let options = Options::new(Database::Sqlite, Topology::Apart);
    let mut measured = Measured::start(&options, "usher.outbox.backlog service=invitation").await;
    let collector = measured.collector.clone();
    measured.suite.nats.as_mut().unwrap().process.crash();
    measured.invite().await;
    collector.when("usher.outbox.backlog service=invitation", 1.0..).await;
    collector.when("usher.outbox.oldest_age service=invitation", f64::MIN_POSITIVE..60.0).await;
    collector.when("messaging.client.sent.messages outcome=error service=invitation", 1.0..).await;
    measured.suite.nats.as_mut().unwrap().restart().await.unwrap();
    collector.when("usher.outbox.backlog service=invitation", 0.0..=0.0).await;
    collector.when("usher.outbox.unconfirmed service=invitation", 0.0..=0.0).await;
    collector.when("messaging.client.sent.messages outcome=ok service=invitation", 1.0..).await;
}

#[tokio::test]
async fn a_collector_learns_what_waits_for_webhooks_and_what_was_given_up() {
    let measured = Measured::together().await;
    let (admin, collector) = (&measured.admin, &measured.collector);
    collector.when("usher.webhook.waiting", 0.0..=0.0).await;
    let failing = Endpoint::answering([Answer::Status(500)]).await;
    let gone = Endpoint::answering([Answer::Status(410)]).await;
    for endpoint in [Endpoint::new().await, failing, gone] {
        let (made, _) = webhook(admin, &measured.community, &endpoint.url, &["settings.*"]).await;
        test_webhook(admin, &made.name).await.unwrap();
    }
    collector.when("usher.webhook.attempts outcome=succeeded", 1.0..=1.0).await;
    collector.when("usher.webhook.attempts outcome=failed", 1.0..=1.0).await;
    collector.when("usher.webhook.attempts outcome=deferred", 1.0..).await;
    collector.when("usher.webhook.waiting", 1.0..=1.0).await;
    collector.when("usher.webhook.oldest_age", f64::MIN_POSITIVE..60.0).await;

    collector.when("usher.event.dead_letters service=notifier", 0.0..=0.0).await;
    measured.tell_nonsense().await;
    collector.when("usher.event.dead_letters service=notifier", 1.0..).await;
    let failed = "messaging.client.consumed.messages consumer=notifier outcome=error";
    collector.when(failed, 1.0..=1.0).await;
}
