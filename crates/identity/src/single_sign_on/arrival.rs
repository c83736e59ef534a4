//! Whose account it is that somebody arrives with. All of it is one change: the account, that it is linked, the news from which the
//! community service makes him a member, and the session are there together, or not at all.

use sea_orm::entity::prelude::*;
use usher_api::identity::LinkEvent;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::{Change, EmailAddress};
use uuid::Uuid;

use super::available;
use super::provider::Arrival;
use crate::Identity;
use crate::account::{self, Profile};
use crate::admission::{Admission, admit};
use crate::community_rules::{self, Expected};
use crate::entity::account as accounts;
use crate::entity::connection::Model as Connection;
use crate::entity::link::{ActiveModel, Column, Entity, Model};
use crate::error::Error;
use crate::lockout;
use crate::session::Whereabouts;

/// Signs in whom the provider of `connection` vouches for, and tells whether an account was made for him. `linking` is who began
/// it while he was signed in.
pub(crate) async fn arrive(
    service: &Identity,
    connection: &Connection,
    arrival: Arrival,
    linking: Option<Uuid>,
    whereabouts: Whereabouts,
) -> Result<(Admission, bool), Error> {
    let change = service.database.change().await?;
    // Again: it may have been stopped while the provider was asked.
    let connection = available(&*change, connection.name()).await?;
    let id = (connection.id, arrival.subject.clone());
    let known = Entity::find_by_id(id).one(&*change).await?;
    let (account, created) = match (known, linking) {
        (Some(link), Some(person)) if link.account_id != person => return Err(Error::LinkRefused),
        (Some(link), _) => (account::hold_active(&change, UserName(link.account_id)).await?, false),
        (None, person) => meet(service, &change, &connection, arrival, person).await?,
    };
    let attempt = lockout::arrive(service, &change, &account, &whereabouts).await?;
    Ok((admit(service, change, &account, whereabouts, attempt).await?, created))
}

/// The account of somebody who comes for the first time.
async fn meet(
    service: &Identity,
    change: &Change,
    connection: &Connection,
    arrival: Arrival,
    linking: Option<Uuid>,
) -> Result<(accounts::Model, bool), Error> {
    let email = arrival.email.ok_or(Error::ProviderEmailNotVerified(connection.name()))?;
    if !connection.domains().any(|domain| domain == email.domain()) {
        return Err(Error::ProviderNotBelieved { domain: email.domain().to_owned() });
    }
    let (row, created) = match linking {
        Some(person) => {
            let row = own(change, connection, UserName(person), &email).await?;
            let columns = vec![(accounts::Column::HasLink, Expr::value(true))];
            (account::write(service, change, row.id, columns, "user.updated").await?, false)
        }
        None => (make(service, change, email, arrival.full_name).await?, true),
    };
    link(service, change, connection, arrival.subject, &row).await?;
    let (community, root) = (CommunityName(connection.community_id), CommunityName(connection.root_id));
    let member =
        (!connection.default_role.is_empty()).then_some(Expected { community, root, inherits: false });
    community_rules::expect(service, change, row.id, member).await?;
    Ok((row, created))
}

/// The account of the calling person, if the identity is his.
async fn own(
    change: &Change,
    connection: &Connection,
    person: UserName,
    email: &EmailAddress,
) -> Result<accounts::Model, Error> {
    let row = account::hold_active(change, person).await?;
    let other = Entity::find()
        .filter(Column::AccountId.eq(person.0))
        .filter(Column::ConnectionId.eq(connection.id))
        .one(&**change)
        .await?;
    let same = row.email_verified && row.email_canonical == email.canonical();
    if same && other.is_none() { Ok(row) } else { Err(Error::LinkRefused) }
}

/// A new account of a proven address, without a password.
async fn make(
    service: &Identity,
    change: &Change,
    email: EmailAddress,
    full_name: String,
) -> Result<accounts::Model, Error> {
    let new = account::new(service, Profile { email, full_name }, String::new());
    let row = accounts::Model { has_link: true, ..new };
    match account::insert(service, change, &row).await {
        // Whoever has it signs in as before, and links it then.
        Err(Error::UserExists) => Err(Error::LinkNeedsSignIn),
        Err(other) => Err(other),
        Ok(()) => Ok(row),
    }
}

async fn link(
    service: &Identity,
    change: &Change,
    connection: &Connection,
    subject: String,
    account: &accounts::Model,
) -> Result<(), Error> {
    let now = service.clock.now();
    let row = Model { connection_id: connection.id, subject, account_id: account.id, create_time: now };
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&**change).await?;
    let message = LinkEvent {
        user: account.name().to_string(),
        connection: connection.name().to_string(),
        default_role: connection.default_role.clone(),
        occur_time: Some(now.into()),
    };
    let event = NewEvent {
        id: service.random.uuid(now),
        kind: "link.created",
        resource: account.name().to_string(),
        version: account.version,
        occur_time: now,
        message: &message,
    };
    outbox::record(change, event).await?;
    tracing::info!(user = %account.name(), connection = %connection.name(), "account {} linked", account.id);
    Ok(())
}
