//! Events become deliveries that wait.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use usher_api::name::CommunityName;
use usher_runtime::{Change, Event, Failure, Subscription, processed_event};

use super::telling::{Telling, is_wanted};
use crate::Notifier;
use crate::entity::webhook::{Column, Entity, Model};
use crate::entity::webhook_delivery::{self, State};

/// By how much the clocks of machines may differ. What happened longer than this before a webhook was made, it is not told.
const SKEW: Duration = Duration::from_mins(1);

/// The consumer of the community service's events.
pub(crate) fn of_communities(service: Notifier) -> Subscription {
    subscription(service, "notifier-webhooks-community", "community")
}

/// The consumer of the invitation service's events. Not that by which mails are asked for: neither holds the other up.
pub(crate) fn of_invitations(service: Notifier) -> Subscription {
    subscription(service, "notifier-webhooks-invitation", "invitation")
}

fn subscription(service: Notifier, consumer: &'static str, publisher: &'static str) -> Subscription {
    let database = service.database.clone();
    Subscription::new(consumer, publisher, &database, service, move |service, event| async move {
        note(&service, consumer, event).await
    })
}

/// Queues what webhooks are to be told of `event`, once however often it comes.
async fn note(service: &Notifier, consumer: &'static str, event: Event) -> Result<(), Failure> {
    let mut told = Vec::new();
    for telling in service.webhooks.tellings.read(&event)? {
        told.extend(listeners(service, &event, telling).await?);
    }
    let purged = purged(&event)?;
    // Most communities have no webhook, and most events cost one look.
    if told.is_empty() && purged.is_none() {
        return Ok(());
    }
    let change = service.database.change().await?;
    if !processed_event::first_time(&change, consumer, event.id, service.clock.now()).await? {
        return Ok(());
    }
    for (webhook, body) in told {
        queue(service, &change, &webhook, &event, body).await?;
    }
    if let Some(community) = purged {
        forget(service, &change, community).await?;
    }
    change.commit().await?;
    service.webhooks.wake.notify_one();
    Ok(())
}

/// The webhooks that want to be told this, and what.
async fn listeners(
    service: &Notifier,
    event: &Event,
    telling: Telling,
) -> Result<Vec<(Model, String)>, DbErr> {
    let rows = Entity::find()
        .filter(Column::CommunityId.is_in(telling.communities.iter().map(|community| community.0)))
        .filter(Column::DisableReason.is_null())
        .filter(Column::CreateTime.lte(event.occur_time.after(SKEW)))
        .all(&*service.database)
        .await?;
    let wanting = rows.into_iter().filter(|row| is_wanted(&row.event_types, &event.kind));
    Ok(wanting.map(|row| (row, telling.body.clone())).collect())
}

async fn queue(
    service: &Notifier,
    change: &Change,
    webhook: &Model,
    event: &Event,
    body: String,
) -> Result<(), DbErr> {
    let now = service.clock.now();
    let row = webhook_delivery::ActiveModel {
        id: Set(service.random.uuid(now)),
        webhook_id: Set(webhook.id),
        event_id: Set(event.id),
        event_type: Set(event.kind.clone()),
        body: Set(body),
        state: Set(State::Queued),
        attempts: Set(0),
        last_response_code: Set(0),
        last_error: Set(String::new()),
        traceparent: Set(event.traceparent.clone()),
        create_time: Set(now),
        end_time: Set(None),
        // The clocks of machines differ: what is due at once must not wait for the next look.
        available_time: Set(event.occur_time),
    };
    let once = OnConflict::new().do_nothing().to_owned();
    webhook_delivery::Entity::insert(row).on_conflict(once).exec_without_returning(&**change).await?;
    Ok(())
}

/// The community that is no more, if that is what the event says.
fn purged(event: &Event) -> Result<Option<CommunityName>, Failure> {
    let purged = (event.kind == "community.purged").then_some(event.resource.as_str());
    purged.map(str::parse).transpose().map_err(Failure::internal)
}

/// Deletes all webhooks of a community.
async fn forget(service: &Notifier, change: &Change, community: CommunityName) -> Result<(), DbErr> {
    let rows = Entity::find().filter(Column::CommunityId.eq(community.0)).all(&**change).await?;
    for row in rows {
        super::delete(service, change, row).await?;
    }
    Ok(())
}
