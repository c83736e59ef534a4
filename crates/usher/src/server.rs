//! The server: listening, reflection, and an end that loses no call. It speaks gRPC over HTTP/2; documents can be had by HTTP/1.1.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use crate::service::Service;
use crate::trouble::Trouble;

/// Peers that are silent for so long are asked whether they are there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Old connections are closed when their calls have ended, so that clients find new replicas. Without tonic's grace: with it,
/// connections are cut instead of closed.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(30);
/// How many calls one connection may have at a time, and may give up before they are looked at. The twenty that are usual are fewer
/// than a client with deadlines gives up while a server hangs; beyond them the connection is closed, with everybody else's calls.
const MAX_STREAMS: u32 = 1_000;
/// How large the headers of a call may be; two tokens fit several times.
const MAX_HEADER_BYTES: u32 = 32 * 1024;

/// A server that answers.
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
    closing: CancellationToken,
}

/// Opens the port, so that a port that is taken is known before background tasks begin.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Trouble> {
    TcpListener::bind(address).await.map_err(|source| Trouble::Listen { address, source })
}

impl Server {
    /// Answers calls on `listener` by `routes`.
    pub fn start(listener: TcpListener, routes: Routes) -> Result<Self, Trouble> {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let unknown = |error: std::io::Error| Trouble::Other(format!("server.address: {error}"));
        let address = incoming.local_addr().map_err(unknown)?;
        let closing = CancellationToken::new();
        let server = tonic::transport::Server::builder()
            .accept_http1(true)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_connection_age(MAX_CONNECTION_AGE)
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_pending_accept_reset_streams(Some(MAX_STREAMS as usize))
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, closing.clone().cancelled_owned());
        Ok(Self { address, task: tokio::spawn(server), closing })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fires when the server ends by itself, which it should not.
    pub async fn ended(&mut self) -> Trouble {
        match (&mut self.task).await {
            Ok(Ok(())) => Trouble::Other("the server ended".to_owned()),
            Ok(Err(error)) => Trouble::Other(format!("the server ended: {error}")),
            Err(error) => Trouble::Other(format!("the server ended: {error}")),
        }
    }

    /// Takes no more calls and waits for those under way, but not longer than `grace`: a peer that does not let go must not
    /// keep the process.
    pub async fn close(mut self, grace: Duration) {
        self.closing.cancel();
        if self.task.is_finished() {
            return;
        }
        if tokio::time::timeout(grace, &mut self.task).await.is_err() {
            tracing::warn!(grace_ms = grace.as_millis(), "calls did not end in time and are cut off");
            self.task.abort();
        }
    }
}

/// Reflection over `services` and health, in the version that clients use and the one that many still use.
pub fn reflection(services: &[Service]) -> Result<Routes, Trouble> {
    let builder = || {
        let mut builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(usher_api::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        for service in services {
            builder = builder.with_service_name(service.grpc_name());
        }
        builder
    };
    let failed = |error: tonic_reflection::server::Error| Trouble::Other(format!("reflection: {error}"));
    let (v1, v1alpha) = (builder().build_v1().map_err(failed)?, builder().build_v1alpha().map_err(failed)?);
    Ok(Routes::new(v1).add_service(v1alpha))
}

/// Answers what nobody serves here, in the words of whoever asks.
pub async fn unknown(request: Request) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        return Status::unimplemented("").into_http();
    }
    StatusCode::NOT_FOUND.into_response()
}
