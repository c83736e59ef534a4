//! Endpoints of communities that are told what happens there.
//!
//! | file | what is in it |
//! |---|---|
//! | `draft.rs` | what requests may say of a webhook |
//! | `secret.rs` | what signs, and the signatures |
//! | `telling.rs` | what an event says, and to which communities |
//! | `subscriber.rs` | events become deliveries that wait |
//! | `courier.rs` | deliveries are taken, posted, and what became of them |
//! | `post.rs` | one attempt |
//!
//! A delivery is written with the event that it tells of marked as seen, taken under a lease, and posted with the same id until the
//! endpoint says that it has it. Whoever dies after the post and before the answer is a row posts it once more: endpoints know it by
//! its id.

pub(crate) mod courier;
pub(crate) mod draft;
mod post;
pub(crate) mod secret;
pub(crate) mod subscriber;
pub(crate) mod telling;

use std::sync::Arc;
use std::time::Duration;

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use tokio::sync::Notify;
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::name::{WebhookDeliveryName, WebhookName};
use usher_api::notifier as pb;
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::web_client::Reach;
use usher_runtime::{Change, Failure, Transport, WebClient};

use crate::Notifier;
use crate::config::WebhooksConfig;
use crate::entity::webhook::{Entity, Model};
use crate::entity::webhook_delivery;
use crate::error::Error;
use crate::places::Places;
use telling::Tellings;

/// How long an endpoint may take for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What webhooks need besides what mails do. Clones share everything.
#[derive(Clone)]
pub(crate) struct Webhooks {
    pub(crate) community: CommunityServiceClient<Transport>,
    pub(crate) tellings: Tellings,
    web: WebClient,
    /// By the ids of webhooks.
    places: Places,
    /// Fires when there may be something to post, or somebody free to post it.
    pub(crate) wake: Arc<Notify>,
}

impl Webhooks {
    /// # Errors
    /// A setting that cannot work, by name.
    pub(crate) fn new(
        config: &WebhooksConfig,
        community: CommunityServiceClient<Transport>,
    ) -> Result<Self, String> {
        for (name, value) in [
            ("concurrent_deliveries", config.concurrent_deliveries),
            ("concurrent_deliveries_per_webhook", config.concurrent_deliveries_per_webhook),
        ] {
            if value == 0 {
                return Err(format!("notifier.webhooks.{name} must be at least 1"));
            }
        }
        let reach = if config.allow_private { Reach::Everywhere } else { Reach::Public };
        let mut web = WebClient::new(reach, PATIENCE);
        if let Some(file) = &config.authority_file {
            web = web.trusting(file).map_err(|error| {
                format!("notifier.webhooks.authority_file: {} cannot be used: {error}", file.display())
            })?;
        }
        let tellings = Tellings::new().map_err(|error| format!("the contract cannot be read: {error}"))?;
        Ok(Self {
            community,
            tellings,
            web,
            places: Places::new(config.concurrent_deliveries_per_webhook),
            wake: Arc::default(),
        })
    }
}

/// The webhook of exactly the community that `name` says.
pub(crate) async fn find(reader: &impl ConnectionTrait, name: WebhookName) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.id).one(reader).await?;
    row.filter(|row| row.name() == name).ok_or(Error::WebhookNotFound(name))
}

/// The webhook, which nobody else changes until `change` ends.
pub(crate) async fn hold(change: &Change, name: WebhookName, etag: &str) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.id).lock_exclusive().one(&**change).await?;
    let row = row.filter(|row| row.name() == name).ok_or(Error::WebhookNotFound(name))?;
    if etag.is_empty() || etag == row.version.to_string() {
        return Ok(row);
    }
    Err(Failure::EtagMismatch { resource: name.to_string() }.into())
}

/// The delivery to exactly the webhook that `name` says.
pub(crate) async fn find_delivery(
    reader: &impl ConnectionTrait,
    name: WebhookDeliveryName,
) -> Result<webhook_delivery::Model, Error> {
    let webhook = Entity::find_by_id(name.webhook.id).one(reader).await?;
    if webhook.is_none_or(|webhook| webhook.name() != name.webhook) {
        return Err(Error::WebhookDeliveryNotFound(name));
    }
    let row = webhook_delivery::Entity::find_by_id(name.id).one(reader).await?;
    row.filter(|row| row.webhook_id == name.webhook.id).ok_or(Error::WebhookDeliveryNotFound(name))
}

/// What happens to a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Created,
    Updated,
    Disabled,
    Deleted,
}

/// Tells other services what happened to the webhook; `row` is how it stands after that.
pub(crate) async fn tell(service: &Notifier, change: &Change, row: &Model, fact: Fact) -> Result<(), DbErr> {
    let (kind, state) = match fact {
        Fact::Created => ("webhook.created", row.state()),
        Fact::Updated => ("webhook.updated", row.state()),
        Fact::Disabled => ("webhook.disabled", row.state()),
        Fact::Deleted => ("webhook.deleted", pb::WebhookState::Unspecified),
    };
    let message = pb::WebhookEvent {
        webhook: row.name().to_string(),
        version: row.version,
        occur_time: Some(row.update_time.into()),
        state: state.into(),
        disable_reason: row.disable_reason_to_proto().into(),
    };
    let event = NewEvent {
        id: service.random.uuid(row.update_time),
        kind,
        resource: row.name().to_string(),
        version: row.version,
        occur_time: row.update_time,
        message: &message,
    };
    outbox::record(change, event).await
}

/// Deletes the webhook with its deliveries, and says so.
pub(crate) async fn delete(service: &Notifier, change: &Change, row: Model) -> Result<(), DbErr> {
    webhook_delivery::Entity::delete_many()
        .filter(webhook_delivery::Column::WebhookId.eq(row.id))
        .exec(&**change)
        .await?;
    Entity::delete_by_id(row.id).exec(&**change).await?;
    let gone = Model { version: row.version + 1, update_time: service.clock.now(), ..row };
    tell(service, change, &gone, Fact::Deleted).await
}
