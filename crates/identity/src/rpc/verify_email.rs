use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};

use crate::access::{named_user, require_self};
use crate::account_mail::Order;
use crate::entity::account::{Column, Entity, Model};
use crate::entity::account_mail::{Kind, Model as Mail};
use crate::error::Error;
use crate::{Identity, account, account_mail, session};

pub(crate) async fn verify_email(
    service: &Identity,
    caller: &Caller,
    request: pb::VerifyEmailRequest,
) -> Result<pb::VerifyEmailResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_self(caller, name, "users.update")?;
    let mut violations = Violations::default();
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "VerifyEmail", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let mail = match account_mail::find(service, &Kind::PROVING, &request.token).await {
        Ok(mail) => mail,
        // The same request, sent twice at once, may have used the link a moment ago.
        Err(error) => return once.earlier_answer(&*service.database).await?.ok_or(error),
    };
    // Whoever has the mailbox but did not ask must not make it that of another person's account.
    if mail.account_id != Some(name.0) {
        return Err(Error::MailTokenInvalid);
    }

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let account = account::hold(&change, name).await?;
    session::require_live(service, &*change, caller).await?;
    account_mail::use_up(&change, &mail).await?;
    let row = match mail.kind {
        Kind::EmailChange => replace(service, &change, &account, &mail).await?,
        _ => prove(service, &change, &account, &mail).await?,
    };
    let answer = pb::VerifyEmailResponse { user: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(user = %name, "mailbox of account {} proven", row.id);
    Ok(answer)
}

/// The address of the account is that of its person.
async fn prove(service: &Identity, change: &Change, account: &Model, mail: &Mail) -> Result<Model, Error> {
    if account.email_canonical != mail.email_canonical {
        return Err(Error::MailTokenInvalid);
    }
    let columns = vec![(Column::EmailVerified, Expr::value(true))];
    account::write(service, change, account.id, columns, "user.updated").await
}

/// The address that the mail went to becomes that of the account. The former one is told.
async fn replace(service: &Identity, change: &Change, account: &Model, mail: &Mail) -> Result<Model, Error> {
    account_mail::hold_address(service, change, &mail.email.parse().map_err(Failure::internal)?).await?;
    let taken = Entity::find()
        .filter(Column::EmailCanonical.eq(mail.email_canonical.as_str()))
        .filter(Column::Id.ne(account.id));
    if taken.one(&**change).await?.is_some() {
        return Err(Error::UserExists);
    }
    let columns = vec![
        (Column::Email, Expr::value(mail.email.as_str())),
        (Column::EmailCanonical, Expr::value(mail.email_canonical.as_str())),
        (Column::EmailVerified, Expr::value(true)),
    ];
    let former = account.address()?;
    let row = account::write(service, change, account.id, columns, "user.updated").await?;
    let order = Order { kind: Kind::EmailChanged, account: Some(&row), email: &former, source: None };
    account_mail::order(service, change, order).await?;
    Ok(row)
}
