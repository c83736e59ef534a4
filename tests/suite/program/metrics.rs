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

#[tokio::test]
async fn a_collector_learns_how_the_outboxes_stand() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server =
        tonic::transport::Server::builder().add_service(MetricsServiceServer::new(collector.clone()));
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(server.serve_with_incoming(incoming));

    let folder = current().folder.join(Uuid::new_v4().simple().to_string());
    std::fs::create_dir(&folder).unwrap();
    let mut suite = Suite::start(&folder, &Options::new(Database::Sqlite, Topology::Together)).await.unwrap();
    suite.processes.values_mut().flatten().for_each(Process::crash);
    let file = suite.description.settings_file(Service::ALL[0], 0);
    let settings = std::fs::read_to_string(&file).unwrap();
    let told = settings.replace("[telemetry]\n", &format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n"));
    std::fs::write(&file, told).unwrap();
    let (program, file) = (program(), file.to_string_lossy().into_owned());
    let command =
        ["env", "OTEL_METRIC_EXPORT_INTERVAL=500", &program.to_string_lossy(), "serve", "--config", &file];
    let _process = Process::start(&folder, "measured", None, &command).unwrap();

    until("the collector knows the outboxes", || async {
        let known = collector.0.lock().unwrap().clone();
        ["usher.outbox.backlog", "usher.outbox.oldest_age", "usher.outbox.unconfirmed"]
            .iter()
            .all(|name| known.contains(*name))
            .then_some(())
    })
    .await;
}
