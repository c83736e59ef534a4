//! Refusals that speak of API keys and service accounts.

use tonic::Code;
use usher_api::community::ErrorReason;
use usher_api::name::{ApiKeyName, ApiKeyOwner, CommunityName, ServiceAccountName};

/// Why an RPC refuses something about a program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No such key.
    #[error("no such API key")]
    ApiKeyNotFound(ApiKeyName),
    /// The key has ended.
    #[error("{api_key} is {state}")]
    ApiKeyNotActive {
        /// Which.
        api_key: ApiKeyName,
        /// `REVOKED` or `EXPIRED`.
        state: &'static str,
    },
    /// The ceiling for programs.
    #[error("the program would hold more than whoever gives it")]
    ApiKeyExceedsAuthority {
        /// Where.
        community: CommunityName,
        /// What is beyond the giver, sorted.
        permissions: Vec<String>,
    },
    /// A key gets no more than it was made with.
    #[error("permissions cannot be added to an API key")]
    ApiKeyGainsPermission {
        /// Which.
        api_key: ApiKeyName,
        /// What it has not, sorted.
        permissions: Vec<String>,
    },
    /// Enough.
    #[error("{parent} has {limit} active API keys, which is as many as it may have")]
    ApiKeyLimitReached {
        /// Whose.
        parent: ApiKeyOwner,
        /// How many.
        limit: u64,
    },
    /// No such account.
    #[error("no such service account")]
    ServiceAccountNotFound(ServiceAccountName),
}

impl ProgramError {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::ApiKeyNotFound(_) | Self::ServiceAccountNotFound(_) => Code::NotFound,
            Self::ApiKeyNotActive { .. }
            | Self::ApiKeyGainsPermission { .. }
            | Self::ApiKeyLimitReached { .. } => Code::FailedPrecondition,
            Self::ApiKeyExceedsAuthority { .. } => Code::PermissionDenied,
        }
    }

    pub(super) fn reason(&self) -> ErrorReason {
        match self {
            Self::ApiKeyNotFound(_) => ErrorReason::ApiKeyNotFound,
            Self::ApiKeyNotActive { .. } => ErrorReason::ApiKeyNotActive,
            Self::ApiKeyExceedsAuthority { .. } => ErrorReason::ApiKeyExceedsAuthority,
            Self::ApiKeyGainsPermission { .. } => ErrorReason::ApiKeyGainsPermission,
            Self::ApiKeyLimitReached { .. } => ErrorReason::ApiKeyLimitReached,
            Self::ServiceAccountNotFound(_) => ErrorReason::ServiceAccountNotFound,
        }
    }

    pub(super) fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::ApiKeyNotFound(api_key) => vec![("api_key", api_key.to_string())],
            Self::ApiKeyNotActive { api_key, state } => {
                vec![("api_key", api_key.to_string()), ("state", (*state).to_owned())]
            }
            Self::ApiKeyExceedsAuthority { community, permissions } => {
                vec![("community", community.to_string()), ("permissions", permissions.join(","))]
            }
            Self::ApiKeyGainsPermission { api_key, permissions } => {
                vec![("api_key", api_key.to_string()), ("permissions", permissions.join(","))]
            }
            Self::ApiKeyLimitReached { parent, limit } => {
                vec![("parent", parent.to_string()), ("limit", limit.to_string())]
            }
            Self::ServiceAccountNotFound(account) => vec![("service_account", account.to_string())],
        }
    }
}
