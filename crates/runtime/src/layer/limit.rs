//! No more calls at a time than the process can serve; the rest are told at once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;
use usher_api::access::Method;

use super::refuse;
use crate::Failure;

/// Serves the call if a permit is free. Health checks need none: a busy process is not a dead one.
pub(super) async fn limit(State(permits): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    if Method::at(request.uri().path()).is_none() {
        return next.run(request).await;
    }
    match permits.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => refuse(Failure::Overloaded),
    }
}
