//! Why an RPC of this service refuses. The reasons are documented in
//! `proto/usher/community/v1/error_reason.proto`.

use sea_orm::DbErr;
use tonic::{Code, Status};
use usher_api::community::ErrorReason;
use usher_api::name::{CommunityName, RoleName};
use usher_runtime::{Failure, Refusal};

/// Why an RPC refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such community, told to those who could see it.
    #[error("no such community")]
    CommunityNotFound(CommunityName),
    /// No such role in the community or above it.
    #[error("no such role")]
    RoleNotFound(RoleName),
    /// A grant names a role that its community does not have.
    #[error("{community} has no role `{role}`")]
    UnknownRole {
        /// Where.
        community: CommunityName,
        /// What the request named.
        role: String,
    },
    /// The catalogue has no such permission.
    #[error("there is no permission `{0}`")]
    UnknownPermission(String),
    /// The community is not in the tree.
    #[error("{community} is not in the tree of {root}, or that is not the top of one")]
    CommunityOutsideTree {
        /// What does not belong there.
        community: CommunityName,
        /// The tree.
        root: CommunityName,
    },
    /// The parent cannot hold communities.
    #[error("{0} cannot have communities inside")]
    ParentNotMssp(CommunityName),
    /// The ceiling.
    #[error("the role holds more than its giver")]
    RoleExceedsAuthority {
        /// Where.
        community: CommunityName,
        /// The name of the role; the display name of one that is being made.
        role: String,
        /// What is beyond the giver, sorted.
        permissions: Vec<String>,
    },
    /// The name belongs to another service.
    #[error("the permission `{permission}` belongs to `{service}`")]
    PermissionTaken {
        /// The name.
        permission: String,
        /// Its owner.
        service: String,
    },
    /// Another role has the display name.
    #[error("the community has a role of this name")]
    RoleNameTaken(RoleName),
    /// Enough.
    #[error("the community has {limit} custom roles, which is as many as it may have")]
    RoleLimitReached {
        /// Where.
        community: CommunityName,
        /// How many.
        limit: u64,
    },
    /// What any RPC can answer with.
    #[error(transparent)]
    Shared(#[from] Failure),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::CommunityNotFound(_) | Self::RoleNotFound(_) => Code::NotFound,
            Self::UnknownRole { .. } | Self::UnknownPermission(_) | Self::CommunityOutsideTree { .. } => {
                Code::InvalidArgument
            }
            Self::ParentNotMssp(_) | Self::RoleLimitReached { .. } => Code::FailedPrecondition,
            Self::RoleExceedsAuthority { .. } => Code::PermissionDenied,
            Self::PermissionTaken { .. } | Self::RoleNameTaken(_) => Code::AlreadyExists,
            // Never asked: shared failures make their own status.
            Self::Shared(_) => Code::Unknown,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::CommunityNotFound(_) => ErrorReason::CommunityNotFound,
            Self::RoleNotFound(_) => ErrorReason::RoleNotFound,
            Self::UnknownRole { .. } => ErrorReason::UnknownRole,
            Self::UnknownPermission(_) => ErrorReason::UnknownPermission,
            Self::CommunityOutsideTree { .. } => ErrorReason::CommunityOutsideTree,
            Self::ParentNotMssp(_) => ErrorReason::ParentNotMssp,
            Self::RoleExceedsAuthority { .. } => ErrorReason::RoleExceedsAuthority,
            Self::PermissionTaken { .. } => ErrorReason::PermissionTaken,
            Self::RoleNameTaken(_) => ErrorReason::RoleNameTaken,
            Self::RoleLimitReached { .. } => ErrorReason::RoleLimitReached,
            Self::Shared(_) => ErrorReason::Unspecified,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CommunityNotFound(community) | Self::ParentNotMssp(community) => {
                vec![("community", community.to_string())]
            }
            Self::RoleNotFound(role) | Self::RoleNameTaken(role) => vec![("role", role.to_string())],
            Self::UnknownRole { community, role } => {
                vec![("community", community.to_string()), ("role", role.clone())]
            }
            Self::UnknownPermission(permission) => vec![("permission", permission.clone())],
            Self::CommunityOutsideTree { community, root } => {
                vec![("community", community.to_string()), ("root", root.to_string())]
            }
            Self::RoleExceedsAuthority { community, role, permissions } => vec![
                ("community", community.to_string()),
                ("role", role.clone()),
                ("permissions", permissions.join(",")),
            ],
            Self::PermissionTaken { permission, service } => {
                vec![("permission", permission.clone()), ("service", service.clone())]
            }
            Self::RoleLimitReached { community, limit } => {
                vec![("community", community.to_string()), ("limit", limit.to_string())]
            }
            Self::Shared(_) => Vec::new(),
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Shared(error.into())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        if let Error::Shared(failure) = error {
            return failure.into();
        }
        let refusal = Refusal {
            code: error.code(),
            domain: "community.usher",
            reason: error.reason().as_str_name(),
            metadata: error.metadata(),
            message: error.to_string(),
        };
        refusal.into_status(None)
    }
}
