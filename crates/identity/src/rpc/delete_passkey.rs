use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::access::{named_passkey, require_self};
use crate::confirmation::confirm_person;
use crate::entity::account::{Column, Entity as Accounts, Factor, Model as Account};
use crate::entity::account_mail::Kind;
use crate::entity::passkey::{Entity, Model};
use crate::error::Error;
use crate::passkey::registered::{named, require_etag};
use crate::password::Password;
use crate::second_factor::Factors;
use crate::second_factor::disabling::{disable, require_dispensable};
use crate::{Identity, account, account_mail};

pub(crate) async fn delete_passkey(
    service: &Identity,
    caller: &Caller,
    request: pb::DeletePasskeyRequest,
) -> Result<pb::DeletePasskeyResponse, Error> {
    let mut violations = Violations::default();
    let name = named_passkey(caller, "name", &request.name, &mut violations)?;
    if let Some(name) = name {
        require_self(caller, name.user, "passkeys.delete")?;
    }
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    violations.finish()?;
    let account = Accounts::find_by_id(name.user.0).one(&*service.database).await?;
    let account = account.ok_or_else(|| Error::UserNotFound { user: name.user.to_string() })?;
    let password = confirm_person(service, caller, &account, &request.current_password).await?;

    let once = Once::new(&service.sealing, &service.clock, caller, "DeletePasskey", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let account = account::hold_active(&change, name.user).await?;
    let row = named(&change, name).await?;
    require_etag(&request.etag, &row)?;
    remove(service, &change, &account, (&row, password.as_ref())).await?;
    let answer = pb::DeletePasskeyResponse {};
    once.commit(change, &answer).await?;
    tracing::info!(passkey = %name, "passkey {} deleted", row.id);
    Ok(answer)
}

/// Deletes the passkey within `change`, and what goes with the last one.
async fn remove(
    service: &Identity,
    change: &Change,
    account: &Account,
    (row, password): (&Model, Option<&Password>),
) -> Result<(), Error> {
    Entity::delete_by_id(row.id).exec(&**change).await?;
    let left = Factors::of(&**change, account).await?;
    if left.enrolled().is_empty() {
        require_dispensable(service, change, account, password).await?;
    }
    let mut columns = vec![(Column::HasPasskey, Expr::value(!left.passkeys.is_empty()))];
    if left.preferred.is_none() {
        columns.push((Column::PreferredFactor, Expr::value(None::<Factor>)));
    }
    let told = account::write(service, change, account.id, columns, "user.passkey_removed").await?;
    account_mail::notify(service, change, Kind::PasskeyRemoved, &told).await?;
    if left.enrolled().is_empty() {
        disable(service, change, account).await?;
    }
    Ok(())
}
