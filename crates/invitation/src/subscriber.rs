//! What became of mails, as the notifier tells it.

use prost::Message as _;
use sea_orm::ActiveValue::Set;
use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use usher_api::name::{DeliveryName, InvitationName};
use usher_api::notifier::{DeliveryEvent, DeliveryKind, DeliveryState as Heard};
use usher_runtime::{Event, Failure, Subscription, processed_event};

use crate::Invitation;
use crate::entity::invitation::{DeliveryState, Entity, Model};
use crate::error::Error;
use crate::lifecycle::{Fact, tell};

const CONSUMER: &str = "invitation";

/// The consumer of the notifier's events.
pub(crate) fn subscription(service: Invitation) -> Subscription {
    let database = service.database.clone();
    Subscription::new(CONSUMER, "notifier", &database, service, |service, event| async move {
        note_delivery(&service, event).await.map_err(into_failure)
    })
}

fn into_failure(error: Error) -> Failure {
    match error {
        Error::Shared(failure) => failure,
        other => Failure::internal(other),
    }
}

/// Notes the state of a mail on its invitation. News that are older than what is known, or of an older mail, change nothing.
async fn note_delivery(service: &Invitation, event: Event) -> Result<(), Error> {
    if !event.kind.starts_with("delivery.") {
        return Ok(());
    }
    let news = DeliveryEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    // Mails to the inviter and about accounts are no news of the invitation's own.
    if !matches!(news.kind(), DeliveryKind::Invitation | DeliveryKind::Reminder) {
        return Ok(());
    }
    let name: InvitationName = news.invitation.parse().map_err(Failure::internal)?;
    let delivery: DeliveryName = news.delivery.parse().map_err(Failure::internal)?;
    let Some((state, fact)) = understand(news.state()) else { return Ok(()) };

    let change = service.database.change().await?;
    if !processed_event::first_time(&change, CONSUMER, event.id, service.clock.now()).await? {
        return Ok(());
    }
    // Locked: another replica may hold other news about the same invitation.
    let row = sea_orm::QuerySelect::lock_exclusive(Entity::find_by_id(name.id)).one(&*change).await?;
    if let Some(row) = row.filter(|row| is_news(row, delivery, news.version)) {
        let mut update = row.clone().into_active_model();
        update.delivery_state = Set(state);
        update.delivery_id = Set(Some(delivery.0));
        update.delivery_version = Set(news.version);
        if fact == Some(Fact::Sent) {
            update.last_send_time = Set(Some(event.occur_time));
        }
        update.version = Set(row.version + i64::from(fact.is_some()));
        let row = update.update(&*change).await?;
        if let Some(fact) = fact {
            tell(service, &change, &row, fact).await?;
        }
    }
    change.commit().await?;
    Ok(())
}

/// The state to note, and what to tell others. `None` for steps that matter to the notifier alone.
fn understand(heard: Heard) -> Option<(DeliveryState, Option<Fact>)> {
    match heard {
        Heard::Sent => Some((DeliveryState::Sent, Some(Fact::Sent))),
        Heard::Failed => Some((DeliveryState::Failed, Some(Fact::DeliveryFailed))),
        Heard::Deferred => Some((DeliveryState::Deferred, None)),
        Heard::Skipped => Some((DeliveryState::Skipped, None)),
        Heard::Suppressed => Some((DeliveryState::Suppressed, Some(Fact::DeliveryFailed))),
        Heard::Queued | Heard::Sending | Heard::Unspecified => None,
    }
}

/// Ids of deliveries rise with time, so a greater one is that of a newer mail.
fn is_news(row: &Model, delivery: DeliveryName, version: i64) -> bool {
    match row.delivery_id {
        Some(known) if known == delivery.0 => version > row.delivery_version,
        Some(known) => delivery.0 > known,
        None => true,
    }
}
