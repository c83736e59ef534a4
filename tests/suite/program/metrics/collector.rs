//! What a collector of metrics is told by OTLP.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric::Data};
use sandbox::until;
use tonic::{Request, Response, Status};

/// Keeps the last value of each metric, by its name with its attributes: `usher.mail.attempts outcome=sent`.
#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<BTreeMap<String, f64>>>);

impl Collector {
    /// Begins to collect, and says where.
    pub async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder().add_service(MetricsServiceServer::new(self.clone()));
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tokio::spawn(server.serve_with_incoming(incoming));
        endpoint
    }

    /// Waits until the value of `metric` is within `right`.
    pub async fn when(&self, metric: &str, right: impl RangeBounds<f64> + Debug) {
        until(&format!("{metric} is within {right:?}"), || async {
            self.value(metric).is_some_and(|value| right.contains(&value)).then_some(())
        })
        .await;
    }

    /// The last value that came.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.0.lock().unwrap().get(metric).copied()
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
        let values = scopes.flat_map(|scope| scope.metrics).flat_map(values);
        self.0.lock().unwrap().extend(values);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// Counters are told as what they have come to.
fn values(metric: Metric) -> Vec<(String, f64)> {
    let points = match metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points,
        Some(Data::Sum(sum)) => sum.data_points,
        _ => return Vec::new(),
    };
    points.iter().map(|point| (format!("{}{}", metric.name, attributes(point)), number(point))).collect()
}

fn attributes(point: &NumberDataPoint) -> String {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    let pairs = point.attributes.iter().cloned();
    let mut words: Vec<String> = pairs
        .map(|pair| format!(" {}={}", pair.key, text(pair.value.and_then(|value| value.value))))
        .collect();
    words.sort();
    words.concat()
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(Number::AsDouble(number)) => number,
        Some(Number::AsInt(number)) => number as f64,
        None => f64::NAN,
    }
}
