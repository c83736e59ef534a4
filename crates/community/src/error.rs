//! Why an RPC of this service refuses. The reasons are documented in
//! `proto/usher/community/v1/error_reason.proto`.

mod program;

use sea_orm::DbErr;
use tonic::{Code, Status};
use usher_api::community::ErrorReason;
use usher_api::name::{CommunityName, InvitationName, MemberName, RoleName, UserName};
use usher_runtime::{Failure, Refusal};

use crate::entity::community::State;
pub use program::ProgramError;
use usher_runtime::image::ImageProblem;

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
    /// The community or the one above is stopped.
    #[error("{community} is not active")]
    CommunityNotActive {
        /// Where.
        community: CommunityName,
        /// How it is stopped.
        state: State,
    },
    /// There is no suspension to end.
    #[error("{0} is not suspended")]
    CommunityNotSuspended(CommunityName),
    /// There is no deletion to take back.
    #[error("{0} is not deleted")]
    CommunityNotDeleted(CommunityName),
    /// The bytes are no image that is accepted.
    #[error("the image cannot be used: {0}")]
    ImageInvalid(ImageProblem),
    /// The community has no image.
    #[error("{0} has no image")]
    ImageNotFound(CommunityName),
    /// Custom roles or programs hold the permission.
    #[error("{role_count} roles and {program_count} programs hold `{permission}`")]
    PermissionInUse {
        /// Which.
        permission: String,
        /// The first of the roles.
        roles: Vec<RoleName>,
        /// How many there are.
        role_count: u64,
        /// How often it was given to API keys that have not ended, and to service accounts.
        program_count: u64,
    },
    /// Built-in roles cannot be changed.
    #[error("{0} is built in")]
    RoleBuiltIn(RoleName),
    /// Members hold the role, or live invitations offer it.
    #[error("the role is in use")]
    RoleInUse(Box<RoleInUse>),
    /// No such member, nor anybody who reaches the community from above.
    #[error("no such member")]
    MemberNotFound(MemberName),
    /// The person is no member here.
    #[error("the person reaches the community from above")]
    MembershipInherited {
        /// What the request named.
        member: MemberName,
        /// The membership above.
        inherited_from: MemberName,
    },
    /// The person is a member already.
    #[error("the person is a member already")]
    AlreadyMember(MemberName),
    /// The membership is suspended.
    #[error("the membership is suspended")]
    MemberSuspended(MemberName),
    /// There is no suspension to end.
    #[error("the membership is not suspended")]
    MemberNotSuspended(MemberName),
    /// Nobody would administer the community any more.
    #[error("{0} would be left without an administrator")]
    LastAdministrator(CommunityName),
    /// The community is full.
    #[error("{community} has {limit} active members, which is as many as it may have")]
    SeatLimitReached {
        /// Where.
        community: CommunityName,
        /// How many.
        limit: i64,
    },
    /// The settings do not allow addresses of this domain.
    #[error("{community} does not allow addresses of `{domain}`")]
    EmailDomainNotAllowed {
        /// Where.
        community: CommunityName,
        /// The domain of the address.
        domain: String,
    },
    /// The settings do not allow to add this person without asking him.
    #[error("{0} does not allow to add this person without asking")]
    DirectAdditionNotAllowed(CommunityName),
    /// The account has not proven its mailbox.
    #[error("the account has not proven its mailbox")]
    EmailNotVerified(UserName),
    /// No such account.
    #[error("no such account")]
    UserNotFound(UserName),
    /// The account is deactivated or deleted.
    #[error("the account cannot be used")]
    UserNotActive(UserName),
    /// The account is not deactivated.
    #[error("the account is not deactivated")]
    UserNotDeactivated(UserName),
    /// The account is deleted.
    #[error("the account is deleted already")]
    UserDeleted(UserName),
    /// The account is not deleted, or destroyed.
    #[error("the account is not deleted, or destroyed already")]
    UserNotDeleted(UserName),
    /// The account administers the platform.
    #[error("the account administers the platform")]
    PlatformAdministrator(UserName),
    /// He is not only this community's.
    #[error("{0} belongs to communities where the caller may not do this, too")]
    MemberElsewhere(UserName),
    /// Of API keys and service accounts.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The database is older than the write that the token names.
    #[error("the database does not hold the write that the consistency token names")]
    ConsistencyNotReached,
    /// The token was not made here.
    #[error("the consistency token was not made here")]
    ConsistencyTokenInvalid,
    /// What any RPC can answer with.
    #[error(transparent)]
    Shared(#[from] Failure),
}

/// Who uses a role that was to be deleted: of each kind the first, and how many there are.
#[derive(Clone, Debug)]
pub struct RoleInUse {
    /// Which.
    pub role: RoleName,
    /// Members who hold it.
    pub members: Vec<MemberName>,
    /// How many.
    pub member_count: u64,
    /// Live invitations that offer it.
    pub invitations: Vec<InvitationName>,
    /// How many.
    pub invitation_count: u64,
}

impl RoleInUse {
    fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![
            ("role", self.role.to_string()),
            ("members", list(&self.members)),
            ("member_count", self.member_count.to_string()),
            ("invitations", list(&self.invitations)),
            ("invitation_count", self.invitation_count.to_string()),
        ]
    }
}

/// Names separated by commas.
fn list<T: ToString>(names: &[T]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::CommunityNotFound(_)
            | Self::RoleNotFound(_)
            | Self::ImageNotFound(_)
            | Self::MemberNotFound(_)
            | Self::UserNotFound(_) => Code::NotFound,
            Self::UnknownRole { .. }
            | Self::UnknownPermission(_)
            | Self::CommunityOutsideTree { .. }
            | Self::ImageInvalid(_)
            | Self::EmailDomainNotAllowed { .. }
            | Self::ConsistencyTokenInvalid => Code::InvalidArgument,
            Self::ParentNotMssp(_)
            | Self::RoleLimitReached { .. }
            | Self::CommunityNotActive { .. }
            | Self::CommunityNotSuspended(_)
            | Self::CommunityNotDeleted(_)
            | Self::PermissionInUse { .. }
            | Self::RoleBuiltIn(_)
            | Self::RoleInUse(_)
            | Self::MembershipInherited { .. }
            | Self::MemberSuspended(_)
            | Self::MemberNotSuspended(_)
            | Self::LastAdministrator(_)
            | Self::DirectAdditionNotAllowed(_)
            | Self::EmailNotVerified(_)
            | Self::UserNotActive(_)
            | Self::UserNotDeactivated(_)
            | Self::UserDeleted(_)
            | Self::UserNotDeleted(_)
            | Self::PlatformAdministrator(_)
            | Self::MemberElsewhere(_) => Code::FailedPrecondition,
            Self::SeatLimitReached { .. } => Code::ResourceExhausted,
            Self::ConsistencyNotReached => Code::Unavailable,
            Self::RoleExceedsAuthority { .. } => Code::PermissionDenied,
            Self::Program(error) => error.code(),
            Self::PermissionTaken { .. } | Self::RoleNameTaken(_) | Self::AlreadyMember(_) => {
                Code::AlreadyExists
            }
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
            Self::CommunityNotActive { .. } => ErrorReason::CommunityNotActive,
            Self::CommunityNotSuspended(_) => ErrorReason::CommunityNotSuspended,
            Self::CommunityNotDeleted(_) => ErrorReason::CommunityNotDeleted,
            Self::ImageInvalid(_) => ErrorReason::ImageInvalid,
            Self::ImageNotFound(_) => ErrorReason::ImageNotFound,
            Self::PermissionInUse { .. } => ErrorReason::PermissionInUse,
            Self::RoleBuiltIn(_) => ErrorReason::RoleBuiltIn,
            Self::RoleInUse(_) => ErrorReason::RoleInUse,
            Self::MemberNotFound(_) => ErrorReason::MemberNotFound,
            Self::MembershipInherited { .. } => ErrorReason::MembershipInherited,
            Self::AlreadyMember(_) => ErrorReason::AlreadyMember,
            Self::MemberSuspended(_) => ErrorReason::MemberSuspended,
            Self::MemberNotSuspended(_) => ErrorReason::MemberNotSuspended,
            Self::LastAdministrator(_) => ErrorReason::LastAdministrator,
            Self::SeatLimitReached { .. } => ErrorReason::SeatLimitReached,
            Self::EmailDomainNotAllowed { .. } => ErrorReason::EmailDomainNotAllowed,
            Self::DirectAdditionNotAllowed(_) => ErrorReason::DirectAdditionNotAllowed,
            Self::EmailNotVerified(_) => ErrorReason::EmailNotVerified,
            Self::UserNotFound(_) => ErrorReason::UserNotFound,
            Self::UserNotActive(_) => ErrorReason::UserNotActive,
            Self::UserNotDeactivated(_) => ErrorReason::UserNotDeactivated,
            Self::UserDeleted(_) => ErrorReason::UserDeleted,
            Self::UserNotDeleted(_) => ErrorReason::UserNotDeleted,
            Self::PlatformAdministrator(_) => ErrorReason::PlatformAdministrator,
            Self::MemberElsewhere(_) => ErrorReason::MemberElsewhere,
            Self::Program(error) => error.reason(),
            Self::ConsistencyNotReached => ErrorReason::ConsistencyNotReached,
            Self::ConsistencyTokenInvalid => ErrorReason::ConsistencyTokenInvalid,
            Self::Shared(_) => ErrorReason::Unspecified,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CommunityNotFound(community)
            | Self::ParentNotMssp(community)
            | Self::CommunityNotSuspended(community)
            | Self::CommunityNotDeleted(community)
            | Self::ImageNotFound(community)
            | Self::LastAdministrator(community)
            | Self::DirectAdditionNotAllowed(community) => vec![("community", community.to_string())],
            Self::RoleNotFound(role) | Self::RoleNameTaken(role) | Self::RoleBuiltIn(role) => {
                vec![("role", role.to_string())]
            }
            Self::MemberNotFound(member)
            | Self::AlreadyMember(member)
            | Self::MemberSuspended(member)
            | Self::MemberNotSuspended(member) => vec![("member", member.to_string())],
            Self::EmailNotVerified(user)
            | Self::UserNotFound(user)
            | Self::UserNotActive(user)
            | Self::UserNotDeactivated(user)
            | Self::UserDeleted(user)
            | Self::UserNotDeleted(user)
            | Self::PlatformAdministrator(user)
            | Self::MemberElsewhere(user) => vec![("user", user.to_string())],
            Self::CommunityNotActive { community, state } => vec![
                ("community", community.to_string()),
                ("state", if *state == State::Deleted { "DELETED" } else { "SUSPENDED" }.to_owned()),
            ],
            Self::ImageInvalid(problem) => vec![("problem", problem.id().to_owned())],
            Self::PermissionInUse { permission, roles, role_count, program_count } => vec![
                ("permission", permission.clone()),
                ("roles", list(roles)),
                ("role_count", role_count.to_string()),
                ("program_count", program_count.to_string()),
            ],
            Self::RoleInUse(users) => users.metadata(),
            Self::MembershipInherited { member, inherited_from } => {
                vec![("member", member.to_string()), ("inherited_from", inherited_from.to_string())]
            }
            Self::SeatLimitReached { community, limit } => at(community, "limit", limit),
            Self::EmailDomainNotAllowed { community, domain } => at(community, "domain", domain),
            Self::UnknownRole { community, role } => at(community, "role", role),
            Self::UnknownPermission(permission) => vec![("permission", permission.clone())],
            Self::CommunityOutsideTree { community, root } => at(community, "root", root),
            Self::RoleExceedsAuthority { community, role, permissions } => vec![
                ("community", community.to_string()),
                ("role", role.clone()),
                ("permissions", permissions.join(",")),
            ],
            Self::PermissionTaken { permission, service } => {
                vec![("permission", permission.clone()), ("service", service.clone())]
            }
            Self::RoleLimitReached { community, limit } => at(community, "limit", limit),
            Self::Program(error) => error.metadata(),
            Self::ConsistencyNotReached | Self::ConsistencyTokenInvalid | Self::Shared(_) => Vec::new(),
        }
    }
}

/// The metadata of a refusal in a community that has one more entry.
fn at(community: &CommunityName, key: &'static str, value: &impl ToString) -> Vec<(&'static str, String)> {
    vec![("community", community.to_string()), (key, value.to_string())]
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
