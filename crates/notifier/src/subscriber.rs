//! Events of the invitation service become deliveries that wait.

use std::sync::Arc;

use prost::Message as _;
use sea_orm::entity::prelude::*;
use usher_api::invitation::InvitationEvent;
use usher_runtime::{Event, Failure, Subscription, processed_event};

use crate::Notifier;
use crate::entity::{ActiveModel, Entity, Model, State};

const CONSUMER: &str = "notifier";

/// The consumer of the invitation service's events.
pub(crate) fn subscription(service: Notifier) -> Subscription {
    Subscription {
        consumer: CONSUMER,
        service: "invitation",
        handler: Arc::new(move |event| {
            let service = service.clone();
            Box::pin(async move { queue(&service, event).await })
        }),
    }
}

/// Queues the mail that `event` asks for, once however often the event comes.
async fn queue(service: &Notifier, event: Event) -> Result<(), Failure> {
    if !matches!(event.kind.as_str(), "invitation.created" | "invitation.resent") {
        return Ok(());
    }
    let message = InvitationEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    if !message.notify {
        return Ok(());
    }
    let now = service.clock.now();
    let id = service.random.uuid(now);
    let row = Model {
        id,
        invitation: message.invitation,
        message_id: service.letters.message_id(id),
        state: State::Queued,
        attempts: 0,
        last_error: String::new(),
        traceparent: event.traceparent,
        version: 1,
        create_time: now,
        send_time: None,
        // The clocks of machines differ, and that of SQLite is coarse: what is due at once must not wait for the next look.
        available_time: event.occur_time,
    };
    let change = service.database.change().await?;
    if !processed_event::first_time(&change, CONSUMER, event.id, now).await? {
        return Ok(());
    }
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&*change).await?;
    change.commit().await?;
    service.wake.notify_one();
    Ok(())
}
