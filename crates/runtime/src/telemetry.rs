//! Logs, traces and metrics. A trace runs on through gRPC, the outbox and NATS by its W3C `traceparent`.
//!
//! Never logged: tokens, passwords, links that hold a token, and request or response messages as a whole.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// `[telemetry]`: what a process tells about itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written: a level, or `tracing` directives such as `info,usher_invitation=debug`.
    pub log_filter: String,
    /// Where traces and metrics go by OTLP over gRPC, such as `http://collector:4317`. Absent: nowhere. How often metrics go is
    /// said by the environment's `OTEL_METRIC_EXPORT_INTERVAL`, in milliseconds; 60,000 where it says nothing.
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Pretty,
            log_filter: "info,sqlx::postgres::notice=warn,async_nats=warn".to_owned(),
            otlp_endpoint: None,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For machines.
    Json,
    /// For people.
    Pretty,
}

/// Keeps telemetry going; [`Telemetry::flush`] it last.
#[derive(Debug)]
pub struct Telemetry {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

/// Why telemetry cannot start: a filter that does not parse, an endpoint that is not a URL, or telemetry started before.
pub type TelemetryError = Box<dyn std::error::Error + Send + Sync>;

impl Telemetry {
    /// Starts logs, traces and metrics for this process. Must run within a tokio runtime when `otlp_endpoint` is set.
    pub fn start(config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let resource = Resource::builder().with_service_name("usher").build();
        let mut traces = SdkTracerProvider::builder().with_resource(resource.clone());
        let mut metrics = SdkMeterProvider::builder().with_resource(resource);
        if let Some(endpoint) = &config.otlp_endpoint {
            let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
            traces = traces.with_batch_exporter(exporter);
            let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
            metrics = metrics.with_periodic_exporter(exporter);
        }
        let (traces, metrics) = (traces.build(), metrics.build());
        opentelemetry::global::set_meter_provider(metrics.clone());

        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = match config.log_format {
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
            LogFormat::Pretty => lines.compact().with_target(false).boxed(),
        };
        tracing_subscriber::registry()
            .with(EnvFilter::try_new(&config.log_filter)?)
            .with(lines)
            .with(
                tracing_opentelemetry::layer()
                    .with_tracer(traces.tracer("usher"))
                    .with_tracked_inactivity(false),
            )
            .try_init()?;
        Ok(Self { traces, metrics })
    }

    /// Sends what is still to be sent.
    pub fn flush(self) {
        if let Err(error) = self.traces.shutdown() {
            tracing::warn!(%error, "the last traces were not sent");
        }
        if let Err(error) = self.metrics.shutdown() {
            tracing::warn!(%error, "the last metrics were not sent");
        }
    }
}

/// The `traceparent` of the current span. Empty outside a trace.
#[must_use]
pub fn current_traceparent() -> String {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove("traceparent").unwrap_or_default()
}

/// Makes `span` part of the trace that `traceparent` names. Anything else leaves it as it is.
pub fn follow(span: &Span, traceparent: &str) {
    let parent = context(traceparent);
    if parent.span().span_context().is_valid() {
        // Fails only if telemetry was not started, as in unit tests.
        let _ = span.set_parent(parent);
    }
}

/// Links `span` to the trace that `traceparent` names. Anything else leaves it as it is.
pub fn link(span: &Span, traceparent: &str) {
    let other = context(traceparent);
    if other.span().span_context().is_valid() {
        span.add_link(other.span().span_context().clone());
    }
}

fn context(traceparent: &str) -> Context {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract(&carrier)
}

/// The trace that `span` belongs to, for log lines.
#[must_use]
pub fn trace_id(span: &Span) -> String {
    span.context().span().span_context().trace_id().to_string()
}
