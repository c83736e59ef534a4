//! Addresses that get no mail.

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, OnConflict};
use usher_runtime::{Change, EmailAddress, Failure, database};
use uuid::Uuid;

use crate::Notifier;
use crate::entity::suppression::{ActiveModel, Column, Entity, Model, Reason};

/// What an address is found by: whoever reads the table learns of no address that he does not know.
pub(crate) fn key(service: &Notifier, address: &EmailAddress) -> Vec<u8> {
    service.sealing.fingerprint("suppressed address", &[address.canonical().as_bytes()])
}

/// Suppressions that have not ended, by the database's clock.
pub(crate) fn live(connection: &impl ConnectionTrait) -> Condition {
    Condition::any()
        .add(Column::ExpireTime.is_null())
        .add(Expr::col(Column::ExpireTime).gt(database::now(connection)))
}

/// The suppression of `address`, if it is suppressed.
pub(crate) async fn of(service: &Notifier, address: &EmailAddress) -> Result<Option<Model>, DbErr> {
    let connection = &*service.database;
    let by_address = Column::AddressKey.eq(key(service, address));
    Entity::find().filter(by_address).filter(live(connection)).one(connection).await
}

/// Suppresses `address` for a while, since a mail server knows no such mailbox, unless it is suppressed already.
pub(crate) async fn note_unknown_mailbox(
    service: &Notifier,
    change: &Change,
    address: &EmailAddress,
    delivery: Uuid,
) -> Result<(), Failure> {
    if service.config.unknown_mailbox_pause.is_zero() {
        return Ok(());
    }
    let now = service.clock.now();
    forget_ended(change, key(service, address)).await?;
    let row = Model {
        id: service.random.uuid(now),
        address_key: key(service, address),
        masked_email: address.masked(),
        reason: Reason::NoSuchMailbox,
        note: String::new(),
        delivery_id: Some(delivery),
        create_time: now,
        expire_time: Some(now.after(service.config.unknown_mailbox_pause)),
    };
    let insert = Entity::insert(ActiveModel::from(row).reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned());
    insert.exec_without_returning(&**change).await?;
    Ok(())
}

/// Makes room for another suppression of an address.
pub(crate) async fn forget_ended(change: &Change, address_key: Vec<u8>) -> Result<(), DbErr> {
    let ended = Expr::col(Column::ExpireTime).lte(database::now(&**change));
    Entity::delete_many().filter(Column::AddressKey.eq(address_key)).filter(ended).exec(&**change).await?;
    Ok(())
}
