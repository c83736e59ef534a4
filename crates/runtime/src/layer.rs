//! What every call passes before its RPC, over the network as within the process. Documents under `/.well-known/`, which are not
//! gRPC, pass the same.
//!
//! From outside to inside: [`trace`], [`deadline`], [`detach`], [`authenticate`], [`limit`]. Detaching comes before the rest
//! because a permit must be held as long as the work lasts, not as long as the client waits.

mod authenticate;
mod deadline;
mod detach;
mod limit;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tonic::service::Routes;
use tonic::{Code, Status};
use usher_api::access::Method;

use crate::{Failure, Trust};

/// `[limits]`: how much a process takes on.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// How many calls are worked on at a time; more are refused with RESOURCE_EXHAUSTED.
    pub concurrent_calls: usize,
    /// How long a call may take if the client sets no deadline.
    #[serde(with = "humantime_serde")]
    pub default_deadline: Duration,
    /// The longest deadline that a client can set.
    #[serde(with = "humantime_serde")]
    pub longest_deadline: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            concurrent_calls: 1_000,
            default_deadline: Duration::from_secs(10),
            longest_deadline: Duration::from_mins(1),
        }
    }
}

/// The layers of a process.
#[derive(Clone)]
pub struct Layers {
    trust: Arc<Trust>,
    limits: LimitsConfig,
}

impl Layers {
    /// Layers that authenticate by `trust` and hold to `limits`.
    #[must_use]
    pub fn new(trust: Arc<Trust>, limits: LimitsConfig) -> Self {
        Self { trust, limits }
    }

    /// `routes` behind the layers, with permits of its own.
    pub fn around(&self, routes: Routes) -> Routes {
        let permits = Arc::new(Semaphore::new(self.limits.concurrent_calls));
        let layered = routes
            .into_axum_router()
            .layer(from_fn_with_state(permits, limit::limit))
            .layer(from_fn_with_state(self.trust.clone(), authenticate::authenticate))
            .layer(from_fn(detach::detach))
            .layer(from_fn_with_state(self.limits, deadline::deadline))
            .layer(from_fn(trace::trace));
        Routes::from(layered)
    }
}

/// What is called, which decides how a refusal is told.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// An RPC of the suite.
    Rpc(&'static Method),
    /// A document, asked for by plain HTTP.
    Document,
    /// Health, reflection, or nothing.
    Other,
}

impl Target {
    fn at(path: &str) -> Self {
        match Method::at(path) {
            Some(method) => Self::Rpc(method),
            None if path.starts_with("/.well-known/") => Self::Document,
            None => Self::Other,
        }
    }

    /// A refusal by a layer.
    fn refuse(self, failure: Failure) -> Response {
        let status = Status::from(failure);
        match self {
            Self::Rpc(_) | Self::Other => status.into_http(),
            Self::Document if status.code() == Code::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
            Self::Document => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}
