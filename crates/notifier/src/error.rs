//! Why an RPC of this service refuses. The reasons are documented in `proto/usher/notifier/v1/error_reason.proto`.

use sea_orm::DbErr;
use tonic::{Code, Status};
use usher_api::name::{
    CommunityName, DeadLetterName, DeliveryName, SuppressionName, WebhookDeliveryName, WebhookName,
};
use usher_api::notifier::ErrorReason;
use usher_runtime::{Failure, Refusal};

/// Why an RPC refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such delivery.
    #[error("no such delivery")]
    DeliveryNotFound(DeliveryName),
    /// No such suppression.
    #[error("no such suppression, or it has ended")]
    SuppressionNotFound(SuppressionName),
    /// The address is suppressed.
    #[error("the address is suppressed already")]
    SuppressionExists(SuppressionName),
    /// No such dead letter.
    #[error("no such dead letter")]
    DeadLetterNotFound(DeadLetterName),
    /// It was redriven.
    #[error("the dead letter was redriven before")]
    DeadLetterRedriven(DeadLetterName),
    /// No such webhook.
    #[error("the community has no such webhook")]
    WebhookNotFound(WebhookName),
    /// No room.
    #[error("the community has as many webhooks as it may")]
    WebhookLimitReached(CommunityName),
    /// It is told nothing.
    #[error("the webhook is disabled")]
    WebhookDisabled(WebhookName),
    /// No such delivery to the webhook.
    #[error("there is no such delivery to the webhook")]
    WebhookDeliveryNotFound(WebhookDeliveryName),
    /// It arrived, or is on its way.
    #[error("the delivery arrived, or is on its way")]
    WebhookDeliveryNotEnded(WebhookDeliveryName),
    /// What any RPC can answer with.
    #[error(transparent)]
    Shared(#[from] Failure),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::DeliveryNotFound(_)
            | Self::SuppressionNotFound(_)
            | Self::DeadLetterNotFound(_)
            | Self::WebhookNotFound(_)
            | Self::WebhookDeliveryNotFound(_) => Code::NotFound,
            Self::SuppressionExists(_) => Code::AlreadyExists,
            Self::DeadLetterRedriven(_)
            | Self::WebhookLimitReached(_)
            | Self::WebhookDisabled(_)
            | Self::WebhookDeliveryNotEnded(_) => Code::FailedPrecondition,
            // Never asked: the shared refusals have codes of their own.
            Self::Shared(_) => Code::Internal,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::DeliveryNotFound(_) => ErrorReason::DeliveryNotFound,
            Self::SuppressionNotFound(_) => ErrorReason::SuppressionNotFound,
            Self::SuppressionExists(_) => ErrorReason::SuppressionExists,
            Self::DeadLetterNotFound(_) => ErrorReason::DeadLetterNotFound,
            Self::DeadLetterRedriven(_) => ErrorReason::DeadLetterRedriven,
            Self::WebhookNotFound(_) => ErrorReason::WebhookNotFound,
            Self::WebhookLimitReached(_) => ErrorReason::WebhookLimitReached,
            Self::WebhookDisabled(_) => ErrorReason::WebhookDisabled,
            Self::WebhookDeliveryNotFound(_) => ErrorReason::WebhookDeliveryNotFound,
            Self::WebhookDeliveryNotEnded(_) => ErrorReason::WebhookDeliveryNotEnded,
            Self::Shared(_) => ErrorReason::Unspecified,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::DeliveryNotFound(name) => vec![("delivery", name.to_string())],
            Self::SuppressionNotFound(name) | Self::SuppressionExists(name) => {
                vec![("suppression", name.to_string())]
            }
            Self::DeadLetterNotFound(name) | Self::DeadLetterRedriven(name) => {
                vec![("dead_letter", name.to_string())]
            }
            Self::WebhookNotFound(name) | Self::WebhookDisabled(name) => {
                vec![("webhook", name.to_string())]
            }
            Self::WebhookLimitReached(name) => vec![("community", name.to_string())],
            Self::WebhookDeliveryNotFound(name) | Self::WebhookDeliveryNotEnded(name) => {
                vec![("delivery", name.to_string())]
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
            domain: "notifier.usher",
            reason: error.reason().as_str_name(),
            metadata: error.metadata(),
            message: error.to_string(),
        };
        refusal.into_status(None)
    }
}
