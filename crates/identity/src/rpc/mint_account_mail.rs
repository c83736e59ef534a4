use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::MailName;
use usher_runtime::fields::required;
use usher_runtime::{SecretToken, Violations};

use crate::account_mail::{TOKEN_PREFIX, account_of, live};
use crate::entity::account::{Column as AccountColumn, Entity as Accounts, Model as Account, State};
use crate::entity::account_mail::{Column, Entity, Kind, Model};
use crate::entity::account_mail_token as token;
use crate::error::Error;
use crate::{Identity, account, lockout};

pub(crate) async fn mint_account_mail(
    service: &Identity,
    request: pb::MintAccountMailRequest,
) -> Result<pb::MintAccountMailResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<MailName> = violations.check("name", request.name.parse());
    let MailName(id) = required(name, &mut violations)?;
    let mail = Entity::find_by_id(id).filter(live(&*service.database)).one(&*service.database).await?;
    let mail = mail.ok_or(Error::MailEnded)?;
    let account = account_of(service, &mail).await?.ok_or(Error::MailEnded)?;
    if !is_needed(service, &mail, &account).await? {
        return Err(Error::MailEnded);
    }
    let locked = mail.kind == Kind::AccountLocked;
    if locked && mail.account_id.is_none() {
        tell_locked(service, &mail, &account).await?;
    }
    let unlock_time = if locked { lockout::unlock_time(service, &account.address()?).await? } else { None };
    let changed = mail.kind == Kind::EmailChanged;
    Ok(pb::MintAccountMailResponse {
        kind: mail.kind.to_proto().into(),
        link: link(service, &mail).await?,
        expire_time: mail.kind.page().map(|_| mail.expire_time.into()),
        masked_email: if changed { account.address()?.masked() } else { String::new() },
        unlock_time: unlock_time.map(Into::into),
        recipient: mail.email,
        full_name: account.full_name,
    })
}

/// Whether the link could do anything, or the news are still news.
async fn is_needed(service: &Identity, mail: &Model, account: &Account) -> Result<bool, Error> {
    if account.state != State::Active {
        return Ok(false);
    }
    let own = account.email_canonical == mail.email_canonical;
    Ok(match mail.kind {
        Kind::AccountCreated | Kind::PasswordReset => own,
        Kind::EmailVerification => own && !account.email_verified,
        Kind::EmailChange => {
            let address = AccountColumn::EmailCanonical.eq(mail.email_canonical.as_str());
            Accounts::find().filter(address).one(&*service.database).await?.is_none()
        }
        Kind::EmailChanged
        | Kind::PasswordChanged
        | Kind::AccountLocked
        | Kind::TwoFactorEnabled
        | Kind::TwoFactorDisabled
        | Kind::TwoFactorReset => true,
    })
}

/// Tells once that the account is locked. Only now is it known to be one.
async fn tell_locked(service: &Identity, mail: &Model, account: &Account) -> Result<(), Error> {
    let change = service.database.change().await?;
    let found = Entity::update_many()
        .col_expr(Column::AccountId, Expr::value(account.id))
        .filter(Column::Id.eq(mail.id))
        .filter(Column::AccountId.is_null())
        .exec(&*change)
        .await?;
    if found.rows_affected == 1 {
        account::tell(service, &change, account, "user.locked", service.clock.now()).await?;
        change.commit().await?;
    }
    Ok(())
}

/// A new link, if the mail has one.
async fn link(service: &Identity, mail: &Model) -> Result<String, Error> {
    let Some(page) = mail.kind.page() else { return Ok(String::new()) };
    let secret = SecretToken::generate(&service.random, TOKEN_PREFIX);
    let row = token::Model { hash: secret.hash(), mail_id: mail.id, create_time: service.clock.now() };
    let row = token::ActiveModel::from(row);
    token::Entity::insert(row).exec_without_returning(&*service.database).await?;
    Ok(service.config.link_base_url.link(&format!("/{page}/{}", secret.expose())))
}
