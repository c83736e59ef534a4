//! One span for each call or document, within the trace that the caller names.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::Target;
use crate::telemetry::{follow, trace_id};

/// Opens the span `rpc.<service>.<method>` around the call.
pub(super) async fn trace(request: Request, next: Next) -> Response {
    match Target::at(request.uri().path()) {
        Target::Rpc(_) => trace_rpc(request, next).await,
        Target::Document => trace_document(request, next).await,
        Target::Other => next.run(request).await,
    }
}

async fn trace_rpc(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let span = tracing::info_span!(
        "rpc",
        otel.name = span_name(path),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = path.trim_start_matches('/'),
        rpc.grpc.status_code = Empty,
        trace_id = Empty,
    );
    follow_caller(&span, &request);
    let response = next.run(request).instrument(span.clone()).await;
    // Refusals carry their code in the headers. Answers carry it in the trailers, where it is always 0.
    let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
    span.record("rpc.grpc.status_code", code);
    response
}

async fn trace_document(request: Request, next: Next) -> Response {
    // Without the path, which anybody may make up.
    let span = tracing::info_span!(
        "http",
        otel.name = "http.document",
        otel.kind = "server",
        http.response.status_code = Empty,
        trace_id = Empty,
    );
    follow_caller(&span, &request);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

fn follow_caller(span: &Span, request: &Request) {
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    follow(span, traceparent.unwrap_or_default());
    span.record("trace_id", trace_id(span));
}

/// `/usher.invitation.v1.InvitationService/CreateInvitation` → `rpc.invitation.create_invitation`.
fn span_name(path: &str) -> String {
    let service = path.split('.').nth(1).unwrap_or_default();
    let method = path.rsplit('/').next().unwrap_or_default();
    let mut name = format!("rpc.{service}.");
    for (index, character) in method.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_spans_after_the_file_of_the_rpc() {
        let path = "/usher.invitation.v1.InvitationService/CreateInvitation";
        assert_eq!(super::span_name(path), "rpc.invitation.create_invitation");
    }
}
