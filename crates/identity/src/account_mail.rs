//! Mails about accounts: what asks for one, and what its link opens. The notifier writes them.
//!
//! A mail is a row and an event, like any change. The secret of its link is made when the mail is about to leave, so that nothing that
//! is stored or carried opens anything.

use std::net::IpAddr;
use std::time::Duration;

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use usher_api::identity::MailEvent;
use usher_runtime::outbox::{self, NewEvent};
use usher_runtime::{Change, EmailAddress, Failure, SecretToken, database};

use crate::entity::account::{Entity as Accounts, Model as Account};
use crate::entity::account_mail::{ActiveModel, Column, Entity, Kind, Model};
use crate::entity::account_mail_token as token;
use crate::error::Error;
use crate::throttle::Limit;
use crate::{Identity, account, lockout};

/// What the secrets of links begin with.
pub(crate) const TOKEN_PREFIX: &str = "usher_act_";

/// So many mails of a kind may be asked for to one address: nobody's mailbox is filled by strangers.
const ADDRESS_LIMIT: Limit = Limit { name: "MAILS_TO_ADDRESS", most: 3, within: Duration::from_mins(15) };
/// So many resets of passwords from one source. Far more than people behind one address forget.
const SOURCE_LIMIT: Limit = Limit { name: "RESETS_FROM_SOURCE", most: 20, within: Duration::from_mins(10) };
/// For one account, to whatever addresses; and of notices that others can cause.
const ACCOUNT_LIMIT: Limit = Limit { name: "MAILS_OF_ACCOUNT", most: 10, within: Duration::from_hours(24) };

/// A mail that is asked for.
pub(crate) struct Order<'a> {
    /// What for.
    pub(crate) kind: Kind,
    /// About which account. None if that is to be found by the address later.
    pub(crate) account: Option<&'a Account>,
    /// Where it goes.
    pub(crate) email: &'a EmailAddress,
    /// Who asks, if somebody does.
    pub(crate) source: Option<IpAddr>,
}

/// Has a mail written, within `change`.
pub(crate) async fn order(service: &Identity, change: &Change, order: Order<'_>) -> Result<(), Error> {
    let now = service.clock.now();
    let row = Model {
        id: service.random.uuid(now),
        kind: order.kind,
        account_id: order.account.map(|account| account.id),
        email: order.email.typed().to_owned(),
        email_canonical: order.email.canonical().to_owned(),
        source_range: order.source.map(lockout::range).unwrap_or_default(),
        create_time: now,
        expire_time: now.after(order.kind.life()),
        end_time: None,
    };
    let name = row.name().to_string();
    ActiveModel::from(row).reset_all().insert(&**change).await?;
    let message =
        MailEvent { mail: name.clone(), kind: order.kind.to_proto().into(), occur_time: Some(now.into()) };
    let event = NewEvent {
        id: service.random.uuid(now),
        kind: "mail.requested",
        resource: name,
        version: 1,
        occur_time: now,
        message: &message,
    };
    Ok(outbox::record(change, event).await?)
}

/// Has the person told by mail what happened to `account`, within `change`.
pub(crate) async fn notify(
    service: &Identity,
    change: &Change,
    kind: Kind,
    account: &Account,
) -> Result<(), Error> {
    let of_account = Column::Kind.eq(kind).and(Column::AccountId.eq(account.id));
    if wait(change, &ACCOUNT_LIMIT, of_account).await?.is_some() {
        return Ok(());
    }
    let email = account.address()?;
    order(service, change, Order { kind, account: Some(account), email: &email, source: None }).await
}

/// Has whoever reads mail to `email` told what happened to his account, within `change`. Whether there is one is looked for when
/// the mail is about to leave, so that nothing here takes longer for it.
pub(crate) async fn notify_mailbox(
    service: &Identity,
    change: &Change,
    kind: Kind,
    email: &EmailAddress,
) -> Result<(), Error> {
    let to_address = Column::Kind.eq(kind).and(Column::EmailCanonical.eq(email.canonical()));
    if wait(change, &ACCOUNT_LIMIT, to_address).await?.is_some() {
        return Ok(());
    }
    order(service, change, Order { kind, account: None, email, source: None }).await
}

/// Makes others wait who want to do something with the same address, until `change` ends.
pub(crate) async fn hold_address(
    service: &Identity,
    change: &Change,
    email: &EmailAddress,
) -> Result<(), Error> {
    let key = service.sealing.fingerprint("mailed address", &[email.canonical().as_bytes()]);
    lockout::hold(change, &key).await?;
    Ok(())
}

/// How long it takes until another mail of `kind` may go to `email`; none, if it may now. Of several who ask at once, one is answered
/// after the other.
pub(crate) async fn wait_for_address(
    service: &Identity,
    change: &Change,
    kind: Kind,
    email: &EmailAddress,
) -> Result<Option<Duration>, Error> {
    hold_address(service, change, email).await?;
    let to_address = Column::Kind.eq(kind).and(Column::EmailCanonical.eq(email.canonical()));
    wait(change, &ADDRESS_LIMIT, to_address).await
}

/// Refuses a source that asked for too many resets of passwords. Of several who ask at once, one is answered after the other.
pub(crate) async fn require_quiet_source(
    service: &Identity,
    change: &Change,
    source: Option<IpAddr>,
) -> Result<(), Error> {
    let Some(source) = source else { return Ok(()) };
    lockout::hold_source(service, change, "reset source", source).await?;
    let from_source =
        Column::Kind.eq(Kind::PasswordReset).and(Column::SourceRange.eq(lockout::range(source)));
    require(&SOURCE_LIMIT, "source", wait(change, &SOURCE_LIMIT, from_source).await?)
}

/// Refuses if too many mails of `kind` were asked for, to `email` or for the account.
pub(crate) async fn require_few(
    service: &Identity,
    change: &Change,
    kind: Kind,
    (account, email): (&Account, &EmailAddress),
) -> Result<(), Error> {
    let to_address = wait_for_address(service, change, kind, email).await?;
    require(&ADDRESS_LIMIT, "address", to_address)?;
    let of_account = Column::Kind.eq(kind).and(Column::AccountId.eq(account.id));
    require(&ACCOUNT_LIMIT, &account.name().to_string(), wait(change, &ACCOUNT_LIMIT, of_account).await?)
}

fn require(limit: &Limit, subject: &str, wait: Option<Duration>) -> Result<(), Error> {
    wait.map_or(Ok(()), |wait| Err(Error::MailThrottled(limit.met(subject, wait))))
}

/// How long it takes until there may be one more of `which`.
async fn wait(change: &Change, limit: &Limit, which: Expr) -> Result<Option<Duration>, Error> {
    Ok(limit.wait(&**change, Entity::find().filter(which), Column::CreateTime).await?)
}

/// Holds for mails that are of use.
pub(crate) fn live(connection: &impl ConnectionTrait) -> Condition {
    let to_come = Expr::col(Column::ExpireTime).gt(database::now(connection));
    Condition::all().add(Column::EndTime.is_null()).add(to_come)
}

/// The mail of one of `kinds` whose link holds the secret `text`.
///
/// # Errors
/// [`Error::MailTokenInvalid`] if there is none, or it is of no use any more.
pub(crate) async fn find(service: &Identity, kinds: &[Kind], text: &str) -> Result<Model, Error> {
    let presented = SecretToken::parse(text, TOKEN_PREFIX).ok_or(Error::MailTokenInvalid)?;
    let link = token::Entity::find_by_id(presented.hash()).one(&*service.database).await?;
    let link = link.ok_or(Error::MailTokenInvalid)?;
    let row = Entity::find_by_id(link.mail_id)
        .filter(Column::Kind.is_in(kinds.iter().copied()))
        .filter(live(&*service.database))
        .one(&*service.database)
        .await?;
    row.ok_or(Error::MailTokenInvalid)
}

/// The account that a mail is about.
pub(crate) async fn account_of(service: &Identity, mail: &Model) -> Result<Option<Account>, Error> {
    let Some(id) = mail.account_id else {
        let email = mail.email.parse::<EmailAddress>().map_err(Failure::internal)?;
        return account::find_by_email(service, &email).await;
    };
    Ok(Accounts::find_by_id(id).one(&*service.database).await?)
}

/// Ends the mail within `change`, so that its link serves once.
///
/// # Errors
/// [`Error::MailTokenInvalid`] if somebody else did so first, or its time is over.
pub(crate) async fn use_up(change: &Change, mail: &Model) -> Result<(), Error> {
    let ended = end(change, Column::Id.eq(mail.id)).await?;
    if ended == 1 { Ok(()) } else { Err(Error::MailTokenInvalid) }
}

/// Ends the mails of `which` that are of use, and returns how many there were.
pub(crate) async fn end(change: &Change, which: Expr) -> Result<u64, Error> {
    let ended = Entity::update_many()
        .col_expr(Column::EndTime, database::now(&**change))
        .filter(which)
        .filter(live(&**change))
        .exec(&**change)
        .await?;
    Ok(ended.rows_affected)
}
