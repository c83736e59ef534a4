//! Events become deliveries that wait.

use std::sync::Arc;

use prost::Message as _;
use sea_orm::entity::prelude::*;
use usher_api::identity::MailEvent;
use usher_api::invitation::InvitationEvent;
use usher_runtime::{Event, Failure, Subscription, processed_event};

use crate::Notifier;
use crate::entity::{ActiveModel, Entity, Model, State};

/// What the event of a mail that is asked for says.
#[derive(Default)]
struct Subject {
    invitation: String,
    mail: String,
}

/// The consumer of the invitation service's events.
pub(crate) fn of_invitations(service: Notifier) -> Subscription {
    subscription(service, "notifier", "invitation", invitation)
}

/// The consumer of the identity service's events.
pub(crate) fn of_accounts(service: Notifier) -> Subscription {
    subscription(service, "notifier-accounts", "identity", account_mail)
}

fn subscription(
    service: Notifier,
    consumer: &'static str,
    publisher: &'static str,
    subject: fn(&Event) -> Result<Option<Subject>, Failure>,
) -> Subscription {
    Subscription {
        database: service.database.clone(),
        consumer,
        service: publisher,
        handler: Arc::new(move |event| {
            let service = service.clone();
            Box::pin(async move {
                match subject(&event)? {
                    Some(subject) => queue(&service, consumer, event, subject).await,
                    None => Ok(()),
                }
            })
        }),
    }
}

/// The invitation to be mailed, if the event asks for that.
fn invitation(event: &Event) -> Result<Option<Subject>, Failure> {
    if !matches!(event.kind.as_str(), "invitation.created" | "invitation.resent") {
        return Ok(None);
    }
    let message = InvitationEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let subject = Subject { invitation: message.invitation, ..Subject::default() };
    Ok(Some(subject).filter(|_| message.notify))
}

/// The mail about an account, if the event asks for one.
fn account_mail(event: &Event) -> Result<Option<Subject>, Failure> {
    if event.kind != "mail.requested" {
        return Ok(None);
    }
    let message = MailEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    Ok(Some(Subject { mail: message.mail, ..Subject::default() }))
}

/// Queues the mail that `event` asks for, once however often the event comes.
async fn queue(
    service: &Notifier,
    consumer: &'static str,
    event: Event,
    subject: Subject,
) -> Result<(), Failure> {
    let now = service.clock.now();
    let id = service.random.uuid(now);
    let row = Model {
        id,
        invitation: subject.invitation,
        mail: subject.mail,
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
    if !processed_event::first_time(&change, consumer, event.id, now).await? {
        return Ok(());
    }
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&*change).await?;
    change.commit().await?;
    service.wake.notify_one();
    Ok(())
}
