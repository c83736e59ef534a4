use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::identity as pb;
use usher_runtime::fields::required;
use usher_runtime::{Caller, EmailAddress, Violations};

use crate::access::{named_user, require_self};
use crate::account_mail::Order;
use crate::confirmation::confirm;
use crate::entity::account::Entity;
use crate::entity::account_mail::{Column, Kind};
use crate::error::Error;
use crate::password::Password;
use crate::{Identity, account, account_mail};

pub(crate) async fn change_email(
    service: &Identity,
    caller: &Caller,
    request: pb::ChangeEmailRequest,
) -> Result<pb::ChangeEmailResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_self(caller, name, "users.update")?;
    let mut violations = Violations::default();
    let email: Option<EmailAddress> = violations.check("email", request.email.parse());
    let password = Password::enter("current_password", &request.current_password, &mut violations);
    let (email, password) = required(email.zip(password), &mut violations)?;
    let account = Entity::find_by_id(name.0).one(&*service.database).await?;
    let account = account.ok_or_else(|| Error::UserNotFound { user: name.to_string() })?;
    confirm(service, caller, &account, &password).await?;

    let kind = Kind::EmailChange;
    let change = service.database.change().await?;
    let account = account::hold(&change, name).await?;
    account_mail::require_few(service, &change, kind, (&account, &email)).await?;
    let earlier = Column::Kind.eq(kind).and(Column::AccountId.eq(account.id));
    account_mail::end(&change, earlier).await?;
    let order = Order { kind, account: Some(&account), email: &email, source: caller.source };
    account_mail::order(service, &change, order).await?;
    change.commit().await?;
    Ok(pb::ChangeEmailResponse {})
}
