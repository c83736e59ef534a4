//! The way to a neighbour: within the process or over the network. Code that calls a neighbour does not know which.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use secrecy::ExposeSecret as _;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _};

use crate::service_token::ServiceTokens;
use crate::telemetry::current_traceparent;

type Inner = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// A gRPC transport that generated clients accept. It says which service calls, hands on the trace, and sets a deadline.
#[derive(Clone, Debug)]
pub struct Transport(Inner);

/// How long a neighbour may take, unless the caller set a `grpc-timeout`.
const DEFAULT_DEADLINE: &str = "5000m";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// An address that is not a URL.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address such as http://community:7300")]
pub struct InvalidAddress(String);

impl Transport {
    /// To services in this process. `routes` must already be wrapped in the layers, which are not added here.
    #[must_use]
    pub fn local(routes: Routes) -> Self {
        let service = tower::ServiceExt::<Request<Body>>::map_err(routes, |never: Infallible| match never {});
        Self(BoxCloneSyncService::new(service))
    }

    /// To a service at `address`; connects when first used, and again whenever the connection breaks.
    pub fn remote(address: &str) -> Result<Self, InvalidAddress> {
        let endpoint =
            Endpoint::from_shared(address.to_owned()).map_err(|_| InvalidAddress(address.to_owned()))?;
        let channel: Channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .connect_lazy();
        Ok(Self(BoxCloneSyncService::new(channel.map_err(BoxError::from))))
    }

    /// The same way, walked as `service`.
    #[must_use]
    pub fn acting_as(self, service: &'static str, tokens: ServiceTokens) -> Self {
        let inner = self.0;
        let signed = tower::service_fn(move |mut request: Request<Body>| {
            let (inner, tokens) = (inner.clone(), tokens.clone());
            async move {
                let token = tokens.token(service).map_err(BoxError::from)?;
                let bearer = format!("Bearer {}", token.expose_secret());
                let mut bearer = HeaderValue::try_from(bearer)?;
                bearer.set_sensitive(true);
                request.headers_mut().insert(header::AUTHORIZATION, bearer);
                if let Ok(traceparent) = HeaderValue::try_from(current_traceparent()) {
                    request.headers_mut().insert("traceparent", traceparent);
                }
                let deadline = HeaderValue::from_static(DEFAULT_DEADLINE);
                request.headers_mut().entry("grpc-timeout").or_insert(deadline);
                inner.oneshot(request).await
            }
        });
        Self(BoxCloneSyncService::new(signed))
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <Inner as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}
