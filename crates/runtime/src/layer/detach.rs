//! A client that goes away must not break off a database transaction in its middle.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use super::Target;
use crate::Failure;

/// Runs the call in a task of its own. When a client cancels, only the waiting ends; the work comes to its own end and its
/// connection goes back to the pool outside any transaction.
pub(super) async fn detach(request: Request, next: Next) -> Response {
    let target = Target::at(request.uri().path());
    let work = tokio::spawn(next.run(request).in_current_span());
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "rpc panicked");
        target.refuse(Failure::internal(error))
    })
}
