//! Making accounts.

use std::time::Duration;

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use usher_api::identity::UserEvent;
use usher_api::name::UserName;
use usher_runtime::fields::name_key;
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::{Change, EmailAddress, Failure, Timestamp, Violations};

use crate::entity::account::{ActiveModel, Column, Entity, Model, State};
use crate::entity::link;
use crate::error::Error;
use crate::{Identity, second_factor, session};

/// What a person enters for a new account, apart from the password.
pub(crate) struct Profile {
    pub(crate) email: EmailAddress,
    pub(crate) full_name: String,
}

impl Profile {
    pub(crate) fn parse(email: &str, full_name: &str, violations: &mut Violations) -> Option<Self> {
        let email = violations.check("email", email.parse());
        let full_name = violations.text("full_name", full_name, 1..=200);
        Some(Self { email: email?, full_name })
    }
}

/// A new account of an address whose mailbox was proven.
pub(crate) fn new(service: &Identity, profile: Profile, password_hash: String) -> Model {
    let now = service.clock.now();
    Model {
        id: service.random.uuid(now),
        email: profile.email.typed().to_owned(),
        email_canonical: profile.email.canonical().to_owned(),
        email_verified: true,
        name_key: name_key(&profile.full_name),
        full_name: profile.full_name,
        locale: String::new(),
        date_format: None,
        picture_id: String::new(),
        platform_admin: false,
        state: State::Active,
        state_version: 0,
        purge_time: None,
        terms_version: String::new(),
        terms_accept_time: None,
        password_hash,
        version: 1,
        create_time: now,
        update_time: now,
        last_seen_time: None,
    }
}

/// Writes the account and its event within `change`.
///
/// # Errors
/// [`Error::UserExists`] if the address has an account.
pub(crate) async fn insert(service: &Identity, change: &Change, row: &Model) -> Result<(), Error> {
    let inserted = Entity::insert(ActiveModel::from(row.clone()).reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&**change)
        .await?;
    if inserted == 0 {
        return Err(Error::UserExists);
    }
    tell(service, change, row, "user.created", row.create_time).await
}

/// How long the moment at which somebody was seen last is exact enough, while he only refreshes sessions.
const SEEN_EXACTNESS: Duration = Duration::from_hours(1);

/// Whether it is worth telling that the person of `row` was seen at `now`.
pub(crate) fn is_long_unseen(row: &Model, now: Timestamp) -> bool {
    row.last_seen_time.is_none_or(|last| last.after(SEEN_EXACTNESS) <= now)
}

/// Notes and tells within `change` that the person of `row` is there. Not a change of the account: it stays at its version.
pub(crate) async fn note_seen(
    service: &Identity,
    change: &Change,
    row: &Model,
    now: Timestamp,
) -> Result<(), Error> {
    Entity::update_many()
        .col_expr(Column::LastSeenTime, Expr::value(now))
        .filter(Column::Id.eq(row.id))
        .exec(&**change)
        .await?;
    tell(service, change, row, "user.seen", now).await
}

/// Records within `change` that `kind` happened to the account of `row`.
pub(crate) async fn tell(
    service: &Identity,
    change: &Change,
    row: &Model,
    kind: &'static str,
    now: Timestamp,
) -> Result<(), Error> {
    let name = row.name().to_string();
    let message = UserEvent { user: name.clone(), version: row.version, occur_time: Some(now.into()) };
    let event = NewEvent {
        id: service.random.uuid(now),
        kind,
        resource: name,
        version: row.version,
        occur_time: now,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// Keeps a new hash of the same password, unless the password was changed meanwhile. Nobody sees the difference, so the account
/// stays at its version.
pub(crate) async fn renew_hash(service: &Identity, account: &Model, hash: String) -> Result<(), Error> {
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(hash))
        .filter(Column::Id.eq(account.id))
        .filter(Column::PasswordHash.eq(account.password_hash.as_str()))
        .exec(&*service.database)
        .await?;
    Ok(())
}

/// The account of an address, in any spelling.
pub(crate) async fn find_by_email(service: &Identity, email: &EmailAddress) -> Result<Option<Model>, Error> {
    Ok(Entity::find().filter(Column::EmailCanonical.eq(email.canonical())).one(&*service.database).await?)
}

/// The account, which nobody else changes until `change` ends.
pub(crate) async fn hold(change: &Change, name: UserName) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.0).lock_exclusive().one(&**change).await?;
    row.ok_or_else(|| Error::UserNotFound { user: name.to_string() })
}

/// The account of an address whose mailbox nobody has proven, which nobody else changes until `change` ends.
pub(crate) async fn hold_unproven(change: &Change, email: &EmailAddress) -> Result<Option<Model>, Error> {
    let account = Entity::find()
        .filter(Column::EmailCanonical.eq(email.canonical()))
        .filter(Column::EmailVerified.eq(false))
        .lock_exclusive();
    Ok(account.one(&**change).await?)
}

/// Takes from whoever made an account, without having the mailbox, everything by which he would come back: sessions, factors, and
/// identities at providers. For when somebody else proves the mailbox; the password is replaced by him.
pub(crate) async fn dispossess(service: &Identity, change: &Change, id: Uuid) -> Result<(), Error> {
    session::end_all(service, change, id, None).await?;
    second_factor::remove_all(change, id).await?;
    link::Entity::delete_many().filter(link::Column::AccountId.eq(id)).exec(&**change).await?;
    Ok(())
}

/// Changes `columns` of the account within `change`, and tells it as `kind`.
pub(crate) async fn write(
    service: &Identity,
    change: &Change,
    id: Uuid,
    columns: Vec<(Column, Expr)>,
    kind: &'static str,
) -> Result<Model, Error> {
    let mut update = Entity::update_many()
        .filter(Column::Id.eq(id))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(service.clock.now()));
    for (column, value) in columns {
        update = update.col_expr(column, value);
    }
    let row = update.exec_with_returning(&**change).await?.pop().ok_or(Failure::ConcurrentChange)?;
    tell(service, change, &row, kind, row.update_time).await?;
    Ok(row)
}

/// Holds the account, and refuses one that cannot be used. It stays usable until `change` ends.
pub(crate) async fn hold_active(change: &Change, name: UserName) -> Result<Model, Error> {
    let row = hold(change, name).await?;
    if row.state == State::Active { Ok(row) } else { Err(Error::UserNotActive(name)) }
}

/// Refuses an etag that is not the present one. An empty one stands for any.
pub(crate) fn require_etag(etag: &str, row: &Model) -> Result<(), Error> {
    if etag.is_empty() || etag == row.version.to_string() {
        return Ok(());
    }
    Err(Failure::EtagMismatch { resource: row.name().to_string() }.into())
}
