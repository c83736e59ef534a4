//! One attempt to tell a webhook something.

use sea_orm::entity::prelude::*;
use tonic::Code;
use usher_api::community::{CommunityState, GetCommunityRequest};
use usher_api::name::CommunityName;
use usher_runtime::rpc::error_chain;

use super::secret::signatures;
use crate::Notifier;
use crate::entity::webhook;
use crate::entity::webhook_delivery::Model;

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The endpoint has it.
    Succeeded(u16),
    /// It has not. The status, if it answered, and what went wrong.
    Failed(u16, String),
    /// It never will: the endpoint is gone.
    Gone(u16),
    /// Nobody is to be told.
    Skipped(&'static str),
    /// It cannot be judged now whether somebody is to be told.
    PutBack(String),
    /// The webhook was deleted.
    Orphaned,
}

/// Posts the delivery, if there is still somebody to be told.
pub(super) async fn attempt(service: &Notifier, row: &Model) -> Outcome {
    let webhook = match webhook(service, row).await {
        Ok(webhook) => webhook,
        Err(outcome) => return outcome,
    };
    if let Err(outcome) = require_active(service, CommunityName(webhook.community_id)).await {
        return outcome;
    }
    // Once more, right before: nothing is told any more once it was answered that the webhook is disabled or deleted.
    match self::webhook(service, row).await {
        Ok(webhook) => post(service, &webhook, row).await,
        Err(outcome) => outcome,
    }
}

async fn webhook(service: &Notifier, row: &Model) -> Result<webhook::Model, Outcome> {
    let found = webhook::Entity::find_by_id(row.webhook_id).one(&*service.database).await;
    let found = found.map_err(|error| Outcome::PutBack(format!("the webhook cannot be read: {error}")))?;
    match found {
        Some(webhook) if webhook.disable_reason.is_none() => Ok(webhook),
        Some(_) => Err(Outcome::Skipped("the webhook was disabled")),
        None => Err(Outcome::Orphaned),
    }
}

/// Asked when it is posted, as mails are: what waits when a community is stopped is not told.
async fn require_active(service: &Notifier, community: CommunityName) -> Result<(), Outcome> {
    let request = GetCommunityRequest { name: community.to_string() };
    match service.webhooks.community.clone().get_community(request).await {
        Ok(answer) => {
            let state = answer.into_inner().community.map(|it| it.effective_state()).unwrap_or_default();
            let active = state == CommunityState::Active;
            if active { Ok(()) } else { Err(Outcome::Skipped("the community was not active")) }
        }
        Err(status) if status.code() == Code::NotFound => {
            Err(Outcome::Skipped("the community was destroyed"))
        }
        Err(status) => {
            Err(Outcome::PutBack(format!("the community service does not answer: {:?}", status.code())))
        }
    }
}

async fn post(service: &Notifier, webhook: &webhook::Model, row: &Model) -> Outcome {
    let (id, now) = (row.event_id.to_string(), service.clock.now());
    let Some(signatures) = signatures(&service.sealing, webhook, now, (&id, &row.body)) else {
        return Outcome::PutBack("the secret cannot be opened with the key in `secrets`".to_owned());
    };
    let request = http::Request::post(&webhook.url)
        .header("content-type", "application/json")
        .header("user-agent", concat!("usher/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", now.unix_seconds().to_string())
        .header("webhook-signature", signatures)
        .body(row.body.clone().into_bytes());
    let request = match request {
        Ok(request) => request,
        Err(error) => return Outcome::Failed(0, error.to_string()),
    };
    match service.webhooks.web.status(request).await {
        Ok(status) if status.is_success() => Outcome::Succeeded(status.as_u16()),
        Ok(http::StatusCode::GONE) => Outcome::Gone(http::StatusCode::GONE.as_u16()),
        Ok(status) => Outcome::Failed(status.as_u16(), format!("the endpoint answered {}", status.as_u16())),
        Err(error) => Outcome::Failed(0, error_chain(&error)),
    }
}
