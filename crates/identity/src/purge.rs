//! The end of deleted accounts: nothing is left that tells who it was.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{ConnectionTrait, QuerySelect as _};
use usher_runtime::{Change, database};

use crate::Identity;
use crate::account;
use crate::entity::account::{Column, Entity, Model, State};
use crate::entity::{account_mail, link, membership, picture, session, sign_in, sign_on};
use crate::error::Error;
use crate::second_factor::remove_all;

/// How many accounts are looked at in one statement.
const BATCH: u64 = 100;

/// Destroys the accounts whose time has come.
pub(crate) async fn destroy_deleted_accounts(service: &Identity) -> Result<(), Error> {
    loop {
        let due = Entity::find().filter(is_due(&*service.database)).limit(BATCH);
        let rows = due.all(&*service.database).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            destroy(service, &row).await?;
        }
    }
}

fn is_due(connection: &impl ConnectionTrait) -> Expr {
    Column::State.eq(State::Deleted).and(Expr::col(Column::PurgeTime).lte(database::now(connection)))
}

/// Destroys one account, unless the deletion was taken back meanwhile.
async fn destroy(service: &Identity, row: &Model) -> Result<(), Error> {
    let change = service.database.change().await?;
    let due = Entity::delete_many().filter(Column::Id.eq(row.id)).filter(is_due(&*change));
    if due.exec(&*change).await?.rows_affected == 0 {
        return Ok(());
    }
    forget(&change, row).await?;
    let gone = Model { version: row.version + 1, ..row.clone() };
    account::tell(service, &change, &gone, "user.purged", service.clock.now()).await?;
    change.commit().await?;
    tracing::info!(user = %row.name(), "account {} destroyed", row.id);
    Ok(())
}

/// Deletes what belongs to the account in other tables.
async fn forget(change: &Change, row: &Model) -> Result<(), DbErr> {
    let id = row.id;
    session::Entity::delete_many().filter(session::Column::AccountId.eq(id)).exec(&**change).await?;
    sign_in::Entity::delete_many().filter(sign_in::Column::AccountId.eq(id)).exec(&**change).await?;
    link::Entity::delete_many().filter(link::Column::AccountId.eq(id)).exec(&**change).await?;
    sign_on::Entity::delete_many().filter(sign_on::Column::AccountId.eq(id)).exec(&**change).await?;
    remove_all(change, id).await?;
    picture::Entity::delete_by_id(id).exec(&**change).await?;
    membership::Entity::delete_many().filter(membership::Column::AccountId.eq(id)).exec(&**change).await?;
    let his = account_mail::Column::AccountId.eq(id);
    let to_him = account_mail::Column::EmailCanonical.eq(row.email_canonical.as_str());
    account_mail::Entity::delete_many().filter(his.or(to_him)).exec(&**change).await?;
    Ok(())
}
