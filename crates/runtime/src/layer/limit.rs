//! No more calls at a time than the process can serve; the rest are told at once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use super::Target;
use crate::Failure;

/// Serves the call if a permit is free. Health checks need none: a busy process is not a dead one.
pub(super) async fn limit(State(permits): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let target = Target::at(request.uri().path());
    if matches!(target, Target::Other) {
        return next.run(request).await;
    }
    match permits.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => target.refuse(Failure::Overloaded),
    }
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use tonic::{Code, Status};
    use tower::ServiceExt as _;

    use super::*;

    const RPC: &str = "/usher.identity.v1.IdentityService/Authenticate";
    const HEALTH: &str = "/grpc.health.v1.Health/Check";
    const DOCUMENT: &str = "/.well-known/jwks.json";

    async fn answer(permits: usize, path: &str) -> Response {
        let served = axum::Router::new().route(path, any(|| async {}));
        let layered = served.layer(from_fn_with_state(Arc::new(Semaphore::new(permits)), limit));
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        layered.oneshot(request).await.unwrap()
    }

    async fn refused(permits: usize, path: &str) -> Option<Code> {
        Status::from_header_map(answer(permits, path).await.headers()).map(|status| status.code())
    }

    #[tokio::test]
    async fn refuses_what_it_cannot_serve_but_stays_healthy() {
        assert_eq!(refused(1, RPC).await, None);
        assert_eq!(refused(0, RPC).await, Some(Code::ResourceExhausted));
        assert_eq!(refused(0, HEALTH).await, None);
    }

    #[tokio::test]
    async fn tells_http_in_its_own_words() {
        assert_eq!(answer(1, DOCUMENT).await.status(), 200);
        let refused = answer(0, DOCUMENT).await;
        assert_eq!(refused.status(), 503);
        assert!(Status::from_header_map(refused.headers()).is_none());
    }
}
