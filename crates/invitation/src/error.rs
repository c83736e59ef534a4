//! Why an RPC of this service refuses. The reasons are documented in `proto/usher/invitation/v1/error_reason.proto`.

use sea_orm::DbErr;
use tonic::{Code, Status};
use usher_api::community::GrantRefusal;
use usher_api::invitation::ErrorReason;
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::{Failure, Refusal};

/// Why an RPC refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such invitation or token.
    #[error("no such invitation")]
    NotFound,
    /// A live invitation of the same person into the same community exists.
    #[error("the person has a live invitation into {community}")]
    AlreadyPending {
        /// The live one.
        invitation: InvitationName,
        /// What both name.
        community: CommunityName,
    },
    /// Too late.
    #[error("the invitation has expired")]
    Expired(InvitationName),
    /// Withdrawn.
    #[error("the invitation was revoked")]
    Revoked(InvitationName),
    /// Turned down.
    #[error("the invitation was declined")]
    Declined(InvitationName),
    /// Its address is gone.
    #[error("the invitation ended long ago, and its address was destroyed")]
    Purged(InvitationName),
    /// Accepted before.
    #[error("the invitation has been accepted")]
    AlreadyAccepted(InvitationName),
    /// The community service gave nothing of what is offered.
    #[error("nothing of what is offered can be given: {}", .reason.as_str_name())]
    NotGiven {
        /// Why.
        reason: GrantRefusal,
        /// Where.
        communities: Vec<String>,
    },
    /// Another person's invitation.
    #[error("the invitation is for another address")]
    EmailMismatch {
        /// Whose, masked.
        invited_email: String,
    },
    /// The mailbox was never proven.
    #[error("the address of the account is not verified")]
    EmailNotVerified,
    /// Registering is not possible.
    #[error("the address has an account; sign in and accept")]
    AccountExists,
    /// The caller saw an older state.
    #[error("the etag does not match")]
    EtagMismatch,
    /// What any RPC can answer with.
    #[error(transparent)]
    Shared(#[from] Failure),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::AlreadyPending { .. } => Code::AlreadyExists,
            Self::Expired(_)
            | Self::Revoked(_)
            | Self::Declined(_)
            | Self::Purged(_)
            | Self::AlreadyAccepted(_)
            | Self::EmailNotVerified
            | Self::AccountExists => Code::FailedPrecondition,
            Self::NotGiven { reason, .. } => match reason {
                GrantRefusal::SeatLimitReached => Code::ResourceExhausted,
                GrantRefusal::Unspecified
                | GrantRefusal::InviterNotAuthorized
                | GrantRefusal::CommunityNotActive
                | GrantRefusal::MemberSuspended
                | GrantRefusal::RoleDeleted => Code::FailedPrecondition,
            },
            Self::EmailMismatch { .. } => Code::PermissionDenied,
            Self::EtagMismatch => Code::Aborted,
            // Never asked: shared failures make their own status.
            Self::Shared(_) => Code::Unknown,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::NotFound => ErrorReason::InvitationNotFound,
            Self::AlreadyPending { .. } => ErrorReason::InvitationAlreadyPending,
            Self::Expired(_) => ErrorReason::InvitationExpired,
            Self::Revoked(_) => ErrorReason::InvitationRevoked,
            Self::Declined(_) => ErrorReason::InvitationDeclined,
            Self::Purged(_) => ErrorReason::InvitationPurged,
            Self::AlreadyAccepted(_) => ErrorReason::InvitationAlreadyAccepted,
            Self::NotGiven { reason, .. } => match reason {
                GrantRefusal::InviterNotAuthorized | GrantRefusal::Unspecified => {
                    ErrorReason::InviterNotAuthorized
                }
                GrantRefusal::CommunityNotActive => ErrorReason::CommunityNotActive,
                GrantRefusal::MemberSuspended => ErrorReason::MemberSuspended,
                GrantRefusal::SeatLimitReached => ErrorReason::SeatLimitReached,
                GrantRefusal::RoleDeleted => ErrorReason::RoleDeleted,
            },
            Self::EmailMismatch { .. } => ErrorReason::EmailMismatch,
            Self::EmailNotVerified => ErrorReason::EmailNotVerified,
            Self::AccountExists => ErrorReason::AccountExists,
            Self::EtagMismatch => ErrorReason::EtagMismatch,
            Self::Shared(_) => ErrorReason::Unspecified,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::AlreadyPending { invitation, community } => {
                vec![("invitation", invitation.to_string()), ("community", community.to_string())]
            }
            Self::Expired(name)
            | Self::Revoked(name)
            | Self::Declined(name)
            | Self::Purged(name)
            | Self::AlreadyAccepted(name) => {
                vec![("invitation", name.to_string())]
            }
            Self::NotGiven { communities, .. } => vec![("communities", communities.join(","))],
            Self::EmailMismatch { invited_email } => vec![("invited_email", invited_email.clone())],
            Self::NotFound
            | Self::EmailNotVerified
            | Self::AccountExists
            | Self::EtagMismatch
            | Self::Shared(_) => Vec::new(),
        }
    }

    /// The refusal in the terms of the wire; shared failures and neighbours' refusals make their own.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal {
            code: self.code(),
            domain: "invitation.usher",
            reason: self.reason().as_str_name(),
            metadata: self.metadata(),
            message: self.to_string(),
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
        match error {
            Error::Shared(failure) => failure.into(),
            own => own.refusal().into_status(None),
        }
    }
}
