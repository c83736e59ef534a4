//! Why an RPC of this service refuses. The reasons are documented in `proto/usher/invitation/v1/error_reason.proto`.

use std::time::Duration;

use sea_orm::DbErr;
use tonic::{Code, Status};
use usher_api::community::GrantRefusal;
use usher_api::invitation::{ErrorReason, InvitationLimit, InvitationRefusal};
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::{Failure, Refusal, Violations};

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
    /// A community does not take addresses of this domain.
    #[error("addresses of `{domain}` are not allowed")]
    EmailDomainNotAllowed {
        /// Where.
        communities: Vec<String>,
        /// The domain of the address.
        domain: String,
    },
    /// There is nothing left to offer.
    #[error("the person has all that is offered")]
    AlreadyMember {
        /// The first of the communities.
        community: String,
    },
    /// A community is full.
    #[error("no seat is left")]
    SeatLimitReached {
        /// Which.
        communities: Vec<String>,
        /// How many seats the first has.
        limit: i32,
    },
    /// Nobody allowed personal messages.
    #[error("personal messages are not allowed")]
    MessageNotAllowed {
        /// Where.
        communities: Vec<String>,
    },
    /// As many were invited as may be.
    #[error("as many people have been invited as may be in a period")]
    InviterRateLimited {
        /// Which limit.
        limit: InvitationLimit,
        /// How many in a period.
        recipients: u32,
        /// The period.
        period: Duration,
        /// When there is enough again.
        retry_delay: Duration,
    },
    /// Some of a batch cannot be written.
    #[error("{} of the invitations cannot be made", .0.len())]
    BatchRefused(Vec<(usize, InvitationRefusal)>),
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
            Self::AlreadyPending { .. } | Self::AlreadyMember { .. } => Code::AlreadyExists,
            Self::EmailDomainNotAllowed { .. } => Code::InvalidArgument,
            Self::SeatLimitReached { .. } | Self::InviterRateLimited { .. } => Code::ResourceExhausted,
            Self::Expired(_)
            | Self::Revoked(_)
            | Self::Declined(_)
            | Self::AlreadyAccepted(_)
            | Self::EmailNotVerified
            | Self::MessageNotAllowed { .. }
            | Self::BatchRefused(_)
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
            Self::EmailDomainNotAllowed { .. } => ErrorReason::EmailDomainNotAllowed,
            Self::AlreadyMember { .. } => ErrorReason::AlreadyMember,
            Self::SeatLimitReached { .. } => ErrorReason::SeatLimitReached,
            Self::MessageNotAllowed { .. } => ErrorReason::MessageNotAllowed,
            Self::BatchRefused(_) => ErrorReason::BatchRefused,
            Self::InviterRateLimited { .. } => ErrorReason::InviterRateLimited,
            Self::EmailMismatch { .. } => ErrorReason::EmailMismatch,
            Self::EmailNotVerified => ErrorReason::EmailNotVerified,
            Self::AccountExists => ErrorReason::AccountExists,
            Self::EtagMismatch => ErrorReason::EtagMismatch,
            Self::Shared(_) => ErrorReason::Unspecified,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::BatchRefused(refusals) => vec![("requests", indexes(refusals))],
            Self::AlreadyPending { invitation, community } => {
                vec![("invitation", invitation.to_string()), ("community", community.to_string())]
            }
            Self::Expired(name)
            | Self::Revoked(name)
            | Self::Declined(name)
            | Self::AlreadyAccepted(name) => {
                vec![("invitation", name.to_string())]
            }
            Self::NotGiven { communities, .. } | Self::MessageNotAllowed { communities } => {
                vec![("communities", communities.join(","))]
            }
            Self::EmailDomainNotAllowed { communities, domain } => {
                vec![("communities", communities.join(",")), ("domain", domain.clone())]
            }
            Self::AlreadyMember { community } => vec![("community", community.clone())],
            Self::SeatLimitReached { communities, limit } => {
                vec![("communities", communities.join(",")), ("limit", limit.to_string())]
            }
            Self::InviterRateLimited { limit, recipients, period, .. } => vec![
                ("limit", limit.as_str_name().trim_start_matches("INVITATION_LIMIT_").to_owned()),
                ("recipients", recipients.to_string()),
                ("period_s", period.as_secs().to_string()),
            ],
            Self::EmailMismatch { invited_email } => vec![("invited_email", invited_email.clone())],
            Self::NotFound
            | Self::EmailNotVerified
            | Self::AccountExists
            | Self::EtagMismatch
            | Self::Shared(_) => Vec::new(),
        }
    }

    /// Whether it is sure that nothing was written. Of what goes wrong with the database it is not.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Shared(failure) => matches!(failure, Failure::InvalidFields(_) | Failure::Refused(_)),
            _ => true,
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
            Error::InviterRateLimited { limit, retry_delay, .. } => {
                let subject = limit.as_str_name();
                error.refusal().into_quota_status(subject, Some(retry_delay))
            }
            Error::BatchRefused(ref refusals) => {
                let violations = all_violations(refusals);
                error.refusal().into_status(Some(&violations))
            }
            Error::SeatLimitReached { ref communities, .. } => {
                let subject = communities.first().cloned().unwrap_or_default();
                error.refusal().into_quota_status(&subject, None)
            }
            own => own.refusal().into_status(None),
        }
    }
}

/// The places of those that cannot be written, each once.
fn indexes(refusals: &[(usize, InvitationRefusal)]) -> String {
    let mut places: Vec<usize> = refusals.iter().map(|(place, _)| *place).collect();
    places.dedup();
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What stands in the way of each, as violations of its place in the request.
fn all_violations(refusals: &[(usize, InvitationRefusal)]) -> Violations {
    let mut violations = Violations::default();
    for (index, refusal) in refusals {
        if refusal.field_violations.is_empty() {
            let what = format_args!("{}: {}", refusal.reason, refusal.message);
            violations.add(format!("requests[{index}]"), what);
        }
        for (field, what) in &refusal.field_violations {
            violations.add(field.clone(), what);
        }
    }
    violations
}
