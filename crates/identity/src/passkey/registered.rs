//! The passkeys of accounts.

use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use usher_api::name::PasskeyName;
use usher_runtime::{Change, Failure};
use webauthn_rs::prelude::{DiscoverableAuthentication, Passkey, PublicKeyCredential};

use super::{Problem, RelyingParty};
use crate::Identity;
use crate::entity::passkey::{ActiveModel, Column, Entity, Model};
use crate::error::Error;

/// How many a person has at most: more than authenticators that anybody owns, and few enough for one question.
pub(crate) const MOST: usize = 20;

/// This service, to authenticators.
///
/// # Errors
/// [`Error::PasskeysUnavailable`]
pub(crate) fn relying_party(service: &Identity) -> Result<&RelyingParty, Error> {
    service.relying_party.as_ref().ok_or(Error::PasskeysUnavailable)
}

/// The passkeys of an account, oldest first.
pub(crate) async fn of_account(reader: &impl ConnectionTrait, account: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::AccountId.eq(account)).order_by_asc(Column::Id).all(reader).await
}

/// Whether an account has one.
pub(crate) async fn is_any(reader: &impl ConnectionTrait, account: Uuid) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::AccountId.eq(account)).count(reader).await? > 0)
}

/// The passkey that its authenticator calls `credential_id`, whoever's it is.
pub(crate) async fn find(
    reader: &impl ConnectionTrait,
    credential_id: &[u8],
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::CredentialId.eq(credential_id)).one(reader).await
}

/// The passkey of this name, which nobody changes as long as `change` holds its account.
///
/// # Errors
/// [`Error::PasskeyNotFound`]
pub(crate) async fn named(change: &Change, name: PasskeyName) -> Result<Model, Error> {
    let row = Entity::find_by_id(name.id).filter(Column::AccountId.eq(name.user.0)).one(&**change).await?;
    row.ok_or(Error::PasskeyNotFound(name))
}

/// Refuses an etag that is not the present one. An empty one stands for any.
pub(crate) fn require_etag(etag: &str, row: &Model) -> Result<(), Failure> {
    if etag.is_empty() || etag == row.version.to_string() {
        return Ok(());
    }
    Err(Failure::EtagMismatch { resource: row.name().to_string() })
}

/// Gives `account`, which `change` holds, a passkey.
///
/// # Errors
/// [`Error::PasskeyRejected`] if somebody has it.
pub(crate) async fn add(
    service: &Identity,
    change: &Change,
    account: Uuid,
    (passkey, display_name): (&Passkey, String),
) -> Result<Model, Error> {
    let now = service.clock.now();
    let row = Model {
        id: service.random.uuid(now),
        account_id: account,
        credential_id: passkey.cred_id().clone(),
        sealed_credential: super::seal(service, &purpose(account), passkey)?,
        display_name,
        version: 1,
        create_time: now,
        last_use_time: None,
    };
    let inserted = Entity::insert(ActiveModel::from(row.clone()).reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&**change)
        .await?;
    if inserted == 0 { Err(Error::PasskeyRejected(Problem::AlreadyRegistered)) } else { Ok(row) }
}

/// Whether `shown` answers `state` and is a passkey of `account`, which `change` holds. Notes that it was used: an authenticator that
/// counts must count on, so that of two copies one stands out.
pub(crate) async fn prove(
    service: &Identity,
    change: &Change,
    account: Uuid,
    (shown, state): (&PublicKeyCredential, DiscoverableAuthentication),
) -> Result<bool, Error> {
    let found = find(&**change, shown.get_credential_id()).await?;
    let Some(row) = found.filter(|row| row.account_id == account) else { return Ok(false) };
    // What the authenticator says unasked of whose it is must not be another.
    if shown.get_user_unique_id().is_some_and(|user| user != account.as_bytes()) {
        return Ok(false);
    }
    let mut passkey: Passkey = super::open(service, &purpose(account), &row.sealed_credential)?;
    let result = match relying_party(service)?.accept_shown(shown, state, &passkey) {
        Ok(result) => result,
        Err(error) => {
            tracing::warn!(passkey = %row.name(), %error, "passkey {} refused: {error}", row.id);
            return Ok(false);
        }
    };
    let mut update = Entity::update_many()
        .col_expr(Column::LastUseTime, Expr::value(service.clock.now()))
        .filter(Column::Id.eq(row.id));
    if passkey.update_credential(&result) == Some(true) {
        let sealed = super::seal(service, &purpose(account), &passkey)?;
        update = update.col_expr(Column::SealedCredential, Expr::value(sealed));
    }
    update.exec(&**change).await?;
    Ok(true)
}

/// Removes all passkeys of an account within `change`.
pub(crate) async fn remove_all(change: &Change, account: Uuid) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::AccountId.eq(account)).exec(&**change).await?;
    Ok(())
}

/// A passkey is sealed for one account.
fn purpose(account: Uuid) -> String {
    format!("passkey of {account}")
}
