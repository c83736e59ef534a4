//! Why an RPC of this service refuses. The reasons are documented in `proto/usher/identity/v1/error_reason.proto`.

use sea_orm::DbErr;
use tonic::{Code, Status};
use usher_api::identity::ErrorReason;
use usher_api::name::{CommunityName, ConnectionName, SessionName, UserName};
use usher_runtime::image::ImageProblem;
use usher_runtime::{Failure, Refusal, Timestamp};

/// Why an RPC refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address has an account.
    #[error("an account with this address exists")]
    UserExists,
    /// No such account.
    #[error("no such account")]
    UserNotFound {
        /// What the request named.
        user: String,
    },
    /// Address or password is wrong.
    #[error("no account has this address and this password")]
    CredentialsInvalid,
    /// Whoever wants to change the password does not know it.
    #[error("the current password is another one")]
    CurrentPasswordInvalid,
    /// There is no password to change.
    #[error("the account has no password")]
    PasswordNotSet {
        /// Whose.
        user: String,
    },
    /// Not a token to refresh with.
    #[error("the refresh token is not valid")]
    RefreshTokenInvalid,
    /// A token that was exchanged before.
    #[error("the refresh token was used before; the session has been ended")]
    RefreshTokenReused,
    /// Too many passwords were tried with the address.
    #[error("too many attempts failed with this address")]
    SignInLocked {
        /// Until when nobody signs in with it.
        unlock_time: Timestamp,
    },
    /// Too many passwords were tried from the source.
    #[error("too many attempts failed from this source")]
    SignInThrottled,
    /// The bytes are no picture that is accepted.
    #[error("the picture cannot be used: {0}")]
    PictureInvalid(ImageProblem),
    /// The person has no picture.
    #[error("{0} has no picture")]
    PictureNotFound(UserName),
    /// No such session of that person.
    #[error("no such session")]
    SessionNotFound(SessionName),
    /// No mailed link holds such a token that still works.
    #[error("the link was not mailed for this, its time is over, or it was used")]
    MailTokenInvalid,
    /// Nobody needs the mail any more.
    #[error("the mail is not needed any more")]
    MailEnded,
    /// Too many mails were asked for.
    #[error("too many mails were asked for; try again later")]
    MailThrottled,
    /// The mailbox has been proven.
    #[error("the mailbox of the account has been proven")]
    EmailVerified(UserName),
    /// The account is deactivated or deleted.
    #[error("the account cannot be used")]
    UserNotActive(UserName),
    /// No key has this hash, or it was revoked.
    #[error("there is no such API key, or it was revoked")]
    ApiKeyNotFound,
    /// The key was good once.
    #[error("the API key has expired")]
    ApiKeyExpired,
    /// No such connection.
    #[error("no such connection")]
    ConnectionNotFound(ConnectionName),
    /// Nobody signs in by it.
    #[error("nobody signs in by this connection at present")]
    ConnectionUnavailable(ConnectionName),
    /// As many as there may be.
    #[error("the community has as many connections as it may")]
    ConnectionLimitReached(CommunityName),
    /// The state opens nothing.
    #[error("the sign-in was never begun, has ended, or belongs to somebody else")]
    SignOnStateInvalid,
    /// The provider does not confirm who the person is.
    #[error("the identity provider does not confirm who this is")]
    ProviderRefused(ConnectionName),
    /// The provider does not work.
    #[error("the identity provider does not answer")]
    ProviderUnavailable(ConnectionName),
    /// The provider does not say that it knows the address to be his.
    #[error("the identity provider has not verified the address")]
    ProviderEmailNotVerified(ConnectionName),
    /// It may be anybody's.
    #[error("the identity provider is not believed for this domain")]
    ProviderNotBelieved {
        /// Of the address.
        domain: String,
    },
    /// Nobody but its person links an account.
    #[error("an account has this address; sign in to link it")]
    LinkNeedsSignIn,
    /// They are not the same person.
    #[error("the identity at the provider cannot be linked with this account")]
    LinkRefused,
    /// Not what the person has, or it was used.
    #[error("the code is wrong, or was used")]
    SecondFactorInvalid,
    /// No challenge for this.
    #[error("nobody was challenged with this token, or its time is over; sign in again")]
    ChallengeInvalid,
    /// The password is all that there is.
    #[error("{0} has no second factor")]
    TwoFactorNotEnabled(UserName),
    /// A community asks for it.
    #[error("a community of {0} asks for a second factor")]
    TwoFactorEnforced(UserName),
    /// Nothing to confirm.
    #[error("no enrolment was started, or its time is over")]
    EnrollmentInvalid,
    /// A community asks for what the person does not have.
    #[error("a community asks for a second factor: enrol, or sign in again")]
    SecondFactorRequired,
    /// It is long enough only beside a second factor.
    #[error("without a second factor the password is too short")]
    PasswordTooShort(UserName),
    /// There is no password to be asked for.
    #[error("the sign-in is too long ago; sign in again")]
    SignInNotRecent,
    /// There is a platform administrator already. Only bootstrap meets it.
    #[error("there is a platform administrator already")]
    Bootstrapped,
    /// No such signing key. Only operators meet it.
    #[error("there is no signing key `{kid}`")]
    SigningKeyNotFound {
        /// What the operator named.
        kid: String,
    },
    /// What any RPC can answer with.
    #[error(transparent)]
    Shared(#[from] Failure),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::UserExists => Code::AlreadyExists,
            Self::UserNotFound { .. }
            | Self::SessionNotFound(_)
            | Self::PictureNotFound(_)
            | Self::ApiKeyNotFound
            | Self::ConnectionNotFound(_) => Code::NotFound,
            Self::PictureInvalid(_) | Self::MailTokenInvalid => Code::InvalidArgument,
            Self::CredentialsInvalid
            | Self::RefreshTokenInvalid
            | Self::RefreshTokenReused
            | Self::SecondFactorInvalid
            | Self::ChallengeInvalid
            | Self::SignOnStateInvalid
            | Self::ProviderRefused(_) => Code::Unauthenticated,
            Self::CurrentPasswordInvalid
            | Self::ProviderEmailNotVerified(_)
            | Self::ProviderNotBelieved { .. }
            | Self::LinkRefused => Code::PermissionDenied,
            Self::SignInThrottled | Self::MailThrottled => Code::ResourceExhausted,
            Self::ProviderUnavailable(_) => Code::Unavailable,
            Self::SignInLocked { .. }
            | Self::PasswordNotSet { .. }
            | Self::MailEnded
            | Self::UserNotActive(_)
            | Self::EmailVerified(_)
            | Self::ConnectionUnavailable(_)
            | Self::ConnectionLimitReached(_)
            | Self::ApiKeyExpired
            | Self::LinkNeedsSignIn
            | Self::TwoFactorNotEnabled(_)
            | Self::TwoFactorEnforced(_)
            | Self::EnrollmentInvalid
            | Self::SecondFactorRequired
            | Self::PasswordTooShort(_)
            | Self::SignInNotRecent => Code::FailedPrecondition,
            // Never asked: no RPC bootstraps or names a key, and shared failures make their own status.
            Self::Bootstrapped | Self::SigningKeyNotFound { .. } | Self::Shared(_) => Code::Unknown,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::UserExists => ErrorReason::UserExists,
            Self::UserNotFound { .. } => ErrorReason::UserNotFound,
            Self::CredentialsInvalid => ErrorReason::CredentialsInvalid,
            Self::CurrentPasswordInvalid => ErrorReason::CurrentPasswordInvalid,
            Self::PasswordNotSet { .. } => ErrorReason::PasswordNotSet,
            Self::RefreshTokenInvalid => ErrorReason::RefreshTokenInvalid,
            Self::RefreshTokenReused => ErrorReason::RefreshTokenReused,
            Self::SessionNotFound(_) => ErrorReason::SessionNotFound,
            Self::SignInLocked { .. } => ErrorReason::SignInLocked,
            Self::SignInThrottled => ErrorReason::SignInThrottled,
            Self::PictureInvalid(_) => ErrorReason::PictureInvalid,
            Self::PictureNotFound(_) => ErrorReason::PictureNotFound,
            Self::MailTokenInvalid => ErrorReason::MailTokenInvalid,
            Self::MailEnded => ErrorReason::MailEnded,
            Self::MailThrottled => ErrorReason::MailThrottled,
            Self::EmailVerified(_) => ErrorReason::EmailVerified,
            Self::UserNotActive(_) => ErrorReason::UserNotActive,
            Self::ApiKeyNotFound => ErrorReason::ApiKeyNotFound,
            Self::ApiKeyExpired => ErrorReason::ApiKeyExpired,
            Self::ConnectionNotFound(_) => ErrorReason::ConnectionNotFound,
            Self::ConnectionUnavailable(_) => ErrorReason::ConnectionUnavailable,
            Self::ConnectionLimitReached(_) => ErrorReason::ConnectionLimitReached,
            Self::SignOnStateInvalid => ErrorReason::SignOnStateInvalid,
            Self::ProviderRefused(_) => ErrorReason::ProviderRefused,
            Self::ProviderUnavailable(_) => ErrorReason::ProviderUnavailable,
            Self::ProviderEmailNotVerified(_) => ErrorReason::ProviderEmailNotVerified,
            Self::ProviderNotBelieved { .. } => ErrorReason::ProviderNotBelieved,
            Self::LinkNeedsSignIn => ErrorReason::LinkNeedsSignIn,
            Self::LinkRefused => ErrorReason::LinkRefused,
            Self::SecondFactorInvalid => ErrorReason::SecondFactorInvalid,
            Self::ChallengeInvalid => ErrorReason::ChallengeInvalid,
            Self::TwoFactorNotEnabled(_) => ErrorReason::TwoFactorNotEnabled,
            Self::TwoFactorEnforced(_) => ErrorReason::TwoFactorEnforced,
            Self::EnrollmentInvalid => ErrorReason::EnrollmentInvalid,
            Self::SecondFactorRequired => ErrorReason::SecondFactorRequired,
            Self::PasswordTooShort(_) => ErrorReason::PasswordTooShort,
            Self::SignInNotRecent => ErrorReason::SignInNotRecent,
            Self::Bootstrapped | Self::SigningKeyNotFound { .. } | Self::Shared(_) => {
                ErrorReason::Unspecified
            }
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::UserNotFound { user } | Self::PasswordNotSet { user } => vec![("user", user.clone())],
            Self::SessionNotFound(session) => vec![("session", session.to_string())],
            Self::PictureInvalid(problem) => vec![("problem", problem.id().to_owned())],
            Self::PictureNotFound(user)
            | Self::EmailVerified(user)
            | Self::UserNotActive(user)
            | Self::TwoFactorNotEnabled(user)
            | Self::TwoFactorEnforced(user)
            | Self::PasswordTooShort(user) => vec![("user", user.to_string())],
            Self::SignInLocked { unlock_time } => vec![("unlock_time", unlock_time.rfc3339())],
            Self::ConnectionNotFound(connection)
            | Self::ConnectionUnavailable(connection)
            | Self::ProviderRefused(connection)
            | Self::ProviderUnavailable(connection)
            | Self::ProviderEmailNotVerified(connection) => vec![("connection", connection.to_string())],
            Self::ConnectionLimitReached(community) => vec![("community", community.to_string())],
            Self::ProviderNotBelieved { domain } => vec![("domain", domain.clone())],
            Self::SignOnStateInvalid
            | Self::ApiKeyNotFound
            | Self::ApiKeyExpired
            | Self::LinkNeedsSignIn
            | Self::LinkRefused
            | Self::SecondFactorInvalid
            | Self::ChallengeInvalid
            | Self::EnrollmentInvalid
            | Self::SecondFactorRequired
            | Self::SignInNotRecent
            | Self::UserExists
            | Self::CredentialsInvalid
            | Self::CurrentPasswordInvalid
            | Self::RefreshTokenInvalid
            | Self::RefreshTokenReused
            | Self::SignInThrottled
            | Self::MailTokenInvalid
            | Self::MailEnded
            | Self::MailThrottled
            | Self::Bootstrapped
            | Self::SigningKeyNotFound { .. }
            | Self::Shared(_) => Vec::new(),
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
            domain: "identity.usher",
            reason: error.reason().as_str_name(),
            metadata: error.metadata(),
            message: error.to_string(),
        };
        refusal.into_status(None)
    }
}
