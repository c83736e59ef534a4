//! Metrics reach a collector by OTLP.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use sandbox::process::Process;
use sandbox::{Database, Options, Service, Suite, Topology, current, program, until};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::support::address;
use crate::support::people::admin_of;
use crate::support::tree::{grant, managed, offer};

/// Notes the names of all metrics that come.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<BTreeSet<String>>>);

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
        let names = scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name);
        self.0.lock().unwrap().extend(names);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// A suite whose one process tells a collector what it counts.
struct Measured {
    suite: Suite,
    collector: Collector,
    _process: Process,
}

impl Measured {
    async fn start() -> Self {
        let collector = Collector::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server =
            tonic::transport::Server::builder().add_service(MetricsServiceServer::new(collector.clone()));
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tokio::spawn(server.serve_with_incoming(incoming));

        let folder = current().folder.join(Uuid::new_v4().simple().to_string());
        std::fs::create_dir(&folder).unwrap();
        let options = Options::new(Database::Sqlite, Topology::Together);
        let mut suite = Suite::start(&folder, &options).await.unwrap();
        suite.processes.values_mut().flatten().for_each(Process::crash);
        let file = suite.description.settings_file(Service::ALL[0], 0);
        let settings = std::fs::read_to_string(&file).unwrap();
        let told = format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n");
        std::fs::write(&file, settings.replace("[telemetry]\n", &told)).unwrap();
        let (program, file) = (program(), file.to_string_lossy().into_owned());
        let command = [
            "env",
            "OTEL_METRIC_EXPORT_INTERVAL=500",
            &program.to_string_lossy(),
            "serve",
            "--config",
            &file,
        ];
        let process = Process::start(&folder, "measured", None, &command).unwrap();
        Self { suite, collector, _process: process }
    }

    async fn knows(&self, names: &[&str]) {
        until(&format!("the collector knows {names:?}"), || async {
            let known = self.collector.0.lock().unwrap().clone();
            names.iter().all(|name| known.contains(*name)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_collector_learns_how_the_outboxes_and_the_mails_stand() {
    let measured = Measured::start().await;
    measured.knows(&["usher.outbox.backlog", "usher.outbox.oldest_age", "usher.outbox.unconfirmed"]).await;
    measured.knows(&["usher.mail.waiting", "usher.mail.oldest_age"]).await;
    let admin = admin_of(&measured.suite.description).await;
    let community = managed(&admin).await;
    let mut request = offer(&community, &address("guest"), vec![grant(&community, &["guest"])]);
    request.notify = None;
    admin.caller.invitation().create_invitation(request).await.unwrap();
    measured.knows(&["usher.mail.attempts"]).await;
    measured.knows(&["messaging.client.sent.messages", "messaging.client.consumed.messages"]).await;
}
