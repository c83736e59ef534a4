//! Events become deliveries that wait.

use prost::Message as _;
use sea_orm::entity::prelude::*;
use usher_api::identity::MailEvent;
use usher_api::invitation::InvitationEvent;
use usher_api::name::{InvitationName, MailName};
use usher_runtime::{Change, Event, Failure, Subscription, processed_event};

use crate::Notifier;
use crate::entity::delivery::{ActiveModel, Entity, Kind, Model, State};

/// What the event of a mail that is asked for says.
struct Subject {
    kind: Kind,
    invitation: String,
    mail: String,
}

/// The consumer of the invitation service's events.
pub(crate) fn of_invitations(service: Notifier) -> Subscription {
    subscription(service, "notifier", "invitation")
}

/// The consumer of the identity service's events.
pub(crate) fn of_accounts(service: Notifier) -> Subscription {
    subscription(service, "notifier-accounts", "identity")
}

fn subscription(service: Notifier, consumer: &'static str, publisher: &'static str) -> Subscription {
    let database = service.database.clone();
    Subscription::new(consumer, publisher, &database, service, move |service, event| async move {
        note(&service, consumer, event).await
    })
}

/// Queues the mail that `event` asks for, if it does, once however often the event comes.
async fn note(service: &Notifier, consumer: &'static str, event: Event) -> Result<(), Failure> {
    let Some(subject) = read(service, &event)? else { return Ok(()) };
    let change = service.database.change().await?;
    if !processed_event::first_time(&change, consumer, event.id, service.clock.now()).await? {
        return Ok(());
    }
    queue(service, &change, &event, subject).await?;
    change.commit().await?;
    service.wake.notify_one();
    Ok(())
}

/// The mail that `event` asks for, if it asks for one.
///
/// # Errors
/// Why it cannot be read.
fn read(service: &Notifier, event: &Event) -> Result<Option<Subject>, Failure> {
    let kind = match event.kind.as_str() {
        "invitation.created" | "invitation.resent" => Kind::Invitation,
        "invitation.reminder_due" => Kind::Reminder,
        "invitation.accepted" if service.config.mail_acceptances => Kind::Accepted,
        "invitation.delivery_failed" => Kind::DeliveryFailed,
        "mail.requested" => Kind::Account,
        _ => return Ok(None),
    };
    if kind == Kind::Account {
        let message = MailEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
        let mail: MailName = message.mail.parse().map_err(Failure::internal)?;
        return Ok(Some(Subject { kind, invitation: String::new(), mail: mail.to_string() }));
    }
    let message = InvitationEvent::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    // Before anything is believed: an event that names no invitation is none, whatever else it leaves out.
    let invitation: InvitationName = message.invitation.parse().map_err(Failure::internal)?;
    let to_guest = matches!(kind, Kind::Invitation | Kind::Reminder);
    if to_guest && !message.notify {
        return Ok(None);
    }
    Ok(Some(Subject { kind, invitation: invitation.to_string(), mail: String::new() }))
}

/// Makes the mail that `event` asks for wait.
async fn queue(service: &Notifier, change: &Change, event: &Event, subject: Subject) -> Result<(), DbErr> {
    let now = service.clock.now();
    let id = service.random.uuid(now);
    let row = Model {
        id,
        kind: subject.kind,
        invitation: subject.invitation,
        mail: subject.mail,
        message_id: service.letters.message_id(id),
        state: State::Queued,
        attempts: 0,
        last_error: String::new(),
        domain_key: None,
        traceparent: event.traceparent.clone(),
        version: 1,
        create_time: now,
        send_time: None,
        // The clocks of machines differ, and that of SQLite is coarse: what is due at once must not wait for the next look.
        available_time: event.occur_time,
    };
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&**change).await?;
    Ok(())
}
