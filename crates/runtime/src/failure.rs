//! The refusals that any RPC can answer with, and how a refusal of any kind becomes a gRPC status.

use std::error::Error as StdError;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use usher_api::rpc::ErrorReason;

use crate::Violations;

/// What can go wrong in any RPC. The error enum of each service wraps it as its last variant. The reasons are documented in
/// `proto/usher/rpc/v1/error_reason.proto`.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No token came.
    #[error("the call needs an access token")]
    TokenMissing,
    /// A token came that proves nothing. What is wrong with it is logged, not told.
    #[error("the token is not valid")]
    TokenInvalid,
    /// A token came too late.
    #[error("the token has expired")]
    TokenExpired,
    /// The RPC is for others.
    #[error("the RPC is not for this kind of caller")]
    CallerNotAllowed {
        /// The full name of the RPC.
        method: String,
    },
    /// Somebody who is no service account calls on behalf of a person.
    #[error("only service accounts call on behalf of people")]
    OnBehalfOfNotAllowed,
    /// The caller lacks authority over the resource.
    #[error("the caller does not hold `{permission}` in `{resource}`, or it does not exist")]
    PermissionDenied {
        /// What is missing.
        permission: String,
        /// What the request named.
        resource: String,
    },
    /// Fields are wrong.
    #[error("the request has invalid fields")]
    InvalidFields(Violations),
    /// The request id belongs to another request.
    #[error("the request id was used with another request")]
    RequestIdReused {
        /// The id.
        request_id: String,
    },
    /// The page token was not made here, or for something else.
    #[error("the page token does not belong to this request")]
    PageTokenInvalid,
    /// Two changes met.
    #[error("the resource changed at the same moment")]
    ConcurrentChange,
    /// The caller wants to change what he has not seen.
    #[error("the etag is not the present one of `{resource}`")]
    EtagMismatch {
        /// The name of the resource.
        resource: String,
    },
    /// Too many calls at once.
    #[error("the process serves as many calls as it can")]
    Overloaded,
    /// Too slow.
    #[error("the answer was not ready in time")]
    DeadlineExceeded,
    /// Something that is needed does not answer.
    #[error("{dependency} does not answer")]
    Unavailable {
        /// What does not answer.
        dependency: &'static str,
        /// Why, for the log.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A defect. The client learns that there is one, the log which.
    #[error("a defect of the service")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
    /// A neighbour refused, for a reason that the caller can act on.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
}

impl Failure {
    /// A defect, told by a sentence.
    pub fn internal(what: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(what.into())
    }

    /// What a call of the neighbour `dependency` came to. Refusals that speak of the request reach our caller as they are;
    /// trouble between us and the neighbour does not.
    #[must_use]
    pub fn from_neighbour(dependency: &'static str, status: Status) -> Self {
        match status.code() {
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => {
                Self::Unavailable { dependency, source: Box::new(status) }
            }
            Code::Ok
            | Code::Unknown
            | Code::Unauthenticated
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss => Self::Internal(Box::new(status)),
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange => Self::Refused(Box::new(status)),
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::TokenMissing | Self::TokenInvalid | Self::TokenExpired => Code::Unauthenticated,
            Self::CallerNotAllowed { .. } | Self::OnBehalfOfNotAllowed | Self::PermissionDenied { .. } => {
                Code::PermissionDenied
            }
            Self::InvalidFields(_) | Self::RequestIdReused { .. } | Self::PageTokenInvalid => {
                Code::InvalidArgument
            }
            Self::ConcurrentChange | Self::EtagMismatch { .. } => Code::Aborted,
            Self::Overloaded => Code::ResourceExhausted,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
            Self::Refused(status) => status.code(),
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::TokenMissing => ErrorReason::TokenMissing,
            Self::TokenInvalid => ErrorReason::TokenInvalid,
            Self::TokenExpired => ErrorReason::TokenExpired,
            Self::CallerNotAllowed { .. } => ErrorReason::CallerNotAllowed,
            Self::OnBehalfOfNotAllowed => ErrorReason::OnBehalfOfNotAllowed,
            Self::PermissionDenied { .. } => ErrorReason::PermissionDenied,
            Self::InvalidFields(_) => ErrorReason::InvalidFields,
            Self::RequestIdReused { .. } => ErrorReason::RequestIdReused,
            Self::PageTokenInvalid => ErrorReason::PageTokenInvalid,
            Self::ConcurrentChange => ErrorReason::ConcurrentChange,
            Self::EtagMismatch { .. } => ErrorReason::EtagMismatch,
            Self::Overloaded => ErrorReason::Overloaded,
            Self::DeadlineExceeded => ErrorReason::DeadlineExceeded,
            Self::Unavailable { .. } => ErrorReason::DependencyUnavailable,
            Self::Internal(_) => ErrorReason::Internal,
            // Never asked: the neighbour's status is passed on whole.
            Self::Refused(_) => ErrorReason::Unspecified,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CallerNotAllowed { method } => vec![("method", method.clone())],
            Self::PermissionDenied { permission, resource } => {
                vec![("permission", permission.clone()), ("resource", resource.clone())]
            }
            Self::EtagMismatch { resource } => vec![("resource", resource.clone())],
            Self::RequestIdReused { request_id } => vec![("request_id", request_id.clone())],
            Self::Unavailable { dependency, .. } => vec![("dependency", (*dependency).to_owned())],
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::OnBehalfOfNotAllowed
            | Self::InvalidFields(_)
            | Self::PageTokenInvalid
            | Self::ConcurrentChange
            | Self::Overloaded
            | Self::DeadlineExceeded
            | Self::Internal(_)
            | Self::Refused(_) => Vec::new(),
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let refusal = Refusal {
            code: failure.code(),
            domain: "usher",
            reason: failure.reason().as_str_name(),
            metadata: failure.metadata(),
            message: failure.to_string(),
        };
        match failure {
            Failure::Refused(status) => *status,
            Failure::InvalidFields(violations) => refusal.into_status(Some(&violations)),
            _ => refusal.into_status(None),
        }
    }
}

/// A refusal in the terms of the wire, from any error enum.
#[derive(Debug)]
pub struct Refusal {
    /// The gRPC code.
    pub code: Code,
    /// Whose `ErrorReason` it is.
    pub domain: &'static str,
    /// The name in the proto enum, prefix included.
    pub reason: &'static str,
    /// As the proto documents it with the reason. The first entry names the resource.
    pub metadata: Vec<(&'static str, String)>,
    /// For people; clients must not depend on it.
    pub message: String,
}

/// How long a client waits before it repeats a call that failed for lack of something.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Refusal {
    /// As [`Self::into_status`], for a limit that is reached: `subject` is what ran out. Without `retry_delay` waiting does not
    /// help.
    #[must_use]
    pub fn into_quota_status(self, subject: &str, retry_delay: Option<Duration>) -> Status {
        let (code, message) = (self.code, self.message.clone());
        let mut details = self.into_status(None).get_error_details();
        details.add_quota_failure_violation(subject, &message);
        details.set_retry_info(retry_delay);
        Status::with_error_details(code, message, details)
    }

    /// The status with its details: always `ErrorInfo`, and what its code calls for besides.
    #[must_use]
    pub fn into_status(self, violations: Option<&Violations>) -> Status {
        let reason = self.reason.trim_start_matches("ERROR_REASON_");
        let subject = self.metadata.first().cloned();
        let metadata = self.metadata.into_iter().map(|(key, value)| (key.to_owned(), value));
        let mut details = ErrorDetails::with_error_info(
            reason,
            self.domain,
            metadata.collect::<std::collections::HashMap<_, _>>(),
        );
        for (field, what) in violations.into_iter().flat_map(Violations::iter) {
            details.add_bad_request_violation(field, what);
        }
        match (self.code, subject) {
            (Code::FailedPrecondition, subject) => {
                let subject = subject.map(|(_, name)| name).unwrap_or_default();
                details.add_precondition_failure_violation(reason, subject, &self.message);
            }
            (Code::NotFound | Code::AlreadyExists, Some((kind, name))) => {
                details.set_resource_info(kind, name, "", &self.message);
            }
            (Code::Unavailable | Code::Aborted | Code::ResourceExhausted, _) => {
                details.set_retry_info(Some(RETRY_DELAY));
            }
            _ => {}
        }
        Status::with_error_details(self.code, self.message, details)
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        if is_conflict(&error) {
            Self::ConcurrentChange
        } else if is_outage(&error) {
            Self::Unavailable { dependency: "database", source: Box::new(error) }
        } else {
            Self::Internal(Box::new(error))
        }
    }
}

fn driver_error(error: &DbErr) -> Option<&sea_orm::sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn error_code(error: &DbErr) -> Option<String> {
    driver_error(error)?.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// Serialization failure (40001), deadlock (40P01), a lost race for a unique value (23505) and something that was referred to and
/// is gone (23503) on PostgreSQL; a busy database (5, 517), a lost race (1555, 2067) and a broken reference (787) on SQLite. Conflicts that an RPC has a reason for are found before they get here.
fn is_conflict(error: &DbErr) -> bool {
    let codes = ["40001", "40P01", "23503", "23505", "5", "517", "787", "1555", "2067"];
    error_code(error).is_some_and(|code| codes.contains(&code.as_str()))
}

/// No connection, a broken one, or a server that starts (57P03), stops (57P01, 57P02), is full (53300) or gave up on a
/// statement (57014).
fn is_outage(error: &DbErr) -> bool {
    if let Some(code) = error_code(error) {
        return matches!(code.as_str(), "57P01" | "57P02" | "57P03" | "57014" | "53300")
            || code.starts_with("08");
    }
    matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_))
        || matches!(
            driver_error(error),
            Some(
                sea_orm::sqlx::Error::Io(_)
                    | sea_orm::sqlx::Error::PoolTimedOut
                    | sea_orm::sqlx::Error::PoolClosed
                    | sea_orm::sqlx::Error::WorkerCrashed
                    | sea_orm::sqlx::Error::Tls(_)
                    | sea_orm::sqlx::Error::Protocol(_)
            )
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_every_violation_with_its_field() {
        let mut violations = Violations::default();
        violations.add("email", "must not be empty");
        violations.add("grants", "must not be empty");
        let status = Status::from(violations.finish().unwrap_err());
        let details = status.get_error_details();
        let fields: Vec<_> =
            details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["email", "grants"]);
        assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELDS");
    }

    #[test]
    fn keeps_inner_errors_to_itself() {
        let status = Status::from(Failure::internal("password authentication failed for user usher"));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("password"));
    }

    #[test]
    fn passes_on_what_the_caller_can_act_on() {
        let refused = Failure::from_neighbour("community", Status::permission_denied("no"));
        assert_eq!(Status::from(refused).code(), Code::PermissionDenied);
        let trouble = Failure::from_neighbour("community", Status::unauthenticated("who are you"));
        assert_eq!(Status::from(trouble).code(), Code::Internal);
    }
}
