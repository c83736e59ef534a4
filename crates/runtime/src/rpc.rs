//! The edge: between the transport's requests and the messages that RPC functions take and return.

use std::error::Error;

use tonic::{Code, Request, Response, Status};

use crate::Caller;

/// What a method of a generated server trait returns.
pub type Answer<T> = Result<Response<T>, Status>;

/// The caller and the message of a request.
pub fn open<M>(request: Request<M>) -> (Caller, M) {
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or_default();
    (caller, request.into_inner())
}

/// The answer to a request. Errors are logged here and nowhere else, with all that led to them; the client learns the reason
/// only.
pub fn answer<T, E>(result: Result<T, E>) -> Answer<T>
where
    E: Error + Into<Status>,
{
    result.map(Response::new).map_err(|error| {
        let chain = error_chain(&error);
        let status: Status = error.into();
        match status.code() {
            Code::Internal | Code::Unknown | Code::DataLoss => tracing::error!(error = chain, "rpc failed"),
            Code::Unavailable => tracing::warn!(error = chain, "rpc failed for lack of a dependency"),
            code => tracing::debug!(error = chain, ?code, "rpc refused"),
        }
        status
    })
}

/// An error and its sources in one line.
pub fn error_chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        line.push_str(": ");
        line.push_str(&inner.to_string());
        source = inner.source();
    }
    line
}
