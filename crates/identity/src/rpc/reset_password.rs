use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::identity as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::Identity;
use crate::entity::account::{Column, Model, State};
use crate::entity::account_mail::{self as mail, Kind};
use crate::error::Error;
use crate::password::{Chosen, Context};
use crate::second_factor::is_enabled;
use crate::{account, account_mail, lockout, session};

pub(crate) async fn reset_password(
    service: &Identity,
    caller: &Caller,
    request: pb::ResetPasswordRequest,
) -> Result<pb::ResetPasswordResponse, Error> {
    let mut violations = Violations::default();
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.require(!request.request_id.is_empty(), "request_id", "must not be empty");
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "ResetPassword", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let mail = match account_mail::find(service, &Kind::CHOOSING, &request.token).await {
        Ok(mail) => mail,
        // The same request, sent twice at once, may have used the link a moment ago.
        Err(error) => return once.earlier_answer(&*service.database).await?.ok_or(error),
    };
    let account = account_mail::account_of(service, &mail).await?;
    let account = account.filter(|account| account.email_canonical == mail.email_canonical);
    let account = account.ok_or(Error::MailTokenInvalid)?;
    let Chosen { password, strength } = parse(service, &account, &request).await?;
    // Slow on purpose, so before the change begins.
    let hash = service.hasher.hash(&password).await?;

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    account_mail::use_up(&change, &mail).await?;
    let row = reset(service, &change, &account, hash, &request.terms_version).await?;
    let answer = pb::ResetPasswordResponse { user: row.name().to_string(), password_strength: 0 };
    once.commit(change, &answer).await?;
    tracing::info!(user = %row.name(), "password of account {} reset by mail", row.id);
    // Told, but never kept: it would tell a thief where to begin.
    Ok(pb::ResetPasswordResponse { password_strength: strength.into(), ..answer })
}

async fn parse(
    service: &Identity,
    account: &Model,
    request: &pb::ResetPasswordRequest,
) -> Result<Chosen, Error> {
    let mut violations = Violations::default();
    // What somebody enrolled before the mailbox was proven does not count: it goes.
    let second_factor = account.email_verified && is_enabled(&*service.database, account.id).await?;
    let context = Context::new(&account.email, &account.full_name, []);
    let policy = &service.password_policy;
    let chosen = policy
        .choose("new_password", &request.new_password, (second_factor, context), &mut violations)
        .await?;
    let least = usize::from(account.terms_version.is_empty());
    violations.length("terms_version", &request.terms_version, least..=64);
    let chosen = required(chosen, &mut violations)?;
    violations.finish()?;
    Ok(chosen)
}

/// Writes within `change` what follows from a new password by whoever has the mailbox.
async fn reset(
    service: &Identity,
    change: &Change,
    account: &Model,
    hash: String,
    terms_version: &str,
) -> Result<Model, Error> {
    // Somebody may have changed the address meanwhile, or ended the account.
    let present = account::hold(change, account.name()).await?;
    if present.email_canonical != account.email_canonical || present.state != State::Active {
        return Err(Error::MailTokenInvalid);
    }
    let mut columns =
        vec![(Column::PasswordHash, Expr::value(hash)), (Column::EmailVerified, Expr::value(true))];
    if !terms_version.is_empty() {
        columns.push((Column::TermsVersion, Expr::value(terms_version)));
        columns.push((Column::TermsAcceptTime, Expr::value(service.clock.now())));
    }
    let row = account::write(service, change, account.id, columns, "user.password_changed").await?;
    if present.email_verified {
        session::end_all(service, change, row.id, None).await?;
    } else {
        account::dispossess(service, change, row.id).await?;
    }
    lockout::lift(service, change, &row.address()?).await?;
    let choosing = mail::Column::Kind.is_in(Kind::CHOOSING);
    account_mail::end(change, choosing.and(mail::Column::EmailCanonical.eq(row.email_canonical.as_str())))
        .await?;
    account_mail::notify(service, change, Kind::PasswordChanged, &row).await?;
    Ok(row)
}
