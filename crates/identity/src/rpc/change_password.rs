use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations};
use uuid::Uuid;

use crate::access::{named_user, require_self};
use crate::confirmation::confirm;
use crate::entity::account::{Column, Entity, Model};
use crate::entity::account_mail::Kind;
use crate::error::Error;
use crate::password::{Chosen, Context, Password};
use crate::second_factor::is_enabled;
use crate::{Identity, account, account_mail, session};

pub(crate) async fn change_password(
    service: &Identity,
    caller: &Caller,
    request: pb::ChangePasswordRequest,
) -> Result<pb::ChangePasswordResponse, Error> {
    let name = named_user(caller, "name", &request.name)?;
    require_self(caller, name, "users.update")?;
    let account = Entity::find_by_id(name.0).one(&*service.database).await?;
    let account = account.ok_or_else(|| Error::UserNotFound { user: name.to_string() })?;
    let Draft { current, chosen: Chosen { password, strength }, request_id } =
        Draft::parse(service, &account, &request).await?;

    let once = Once::new(&service.sealing, &service.clock, caller, "ChangePassword", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(with_strength(answer, strength));
    }
    confirm(service, caller, &account, &current).await?;
    let hash = service.hasher.hash(&password).await?;
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(with_strength(answer, strength));
    }
    // Of two changes at once, one comes too late.
    if account::hold(&change, name).await?.password_hash != account.password_hash {
        return Err(Failure::ConcurrentChange.into());
    }
    let columns = vec![(Column::PasswordHash, Expr::value(hash))];
    let row = account::write(service, &change, account.id, columns, "user.password_changed").await?;
    session::end_all(service, &change, row.id, Some(caller.person()?.session)).await?;
    account_mail::notify(service, &change, Kind::PasswordChanged, &row).await?;
    let answer =
        pb::ChangePasswordResponse { user: Some(row.to_proto()), ..pb::ChangePasswordResponse::default() };
    once.commit(change, &answer).await?;
    tracing::info!(user = %row.name(), "password of account {} changed", row.id);
    Ok(with_strength(answer, strength))
}

/// What the person asks for.
struct Draft {
    current: Password,
    chosen: Chosen,
    request_id: Option<Uuid>,
}

impl Draft {
    async fn parse(
        service: &Identity,
        account: &Model,
        request: &pb::ChangePasswordRequest,
    ) -> Result<Self, Error> {
        let mut violations = Violations::default();
        let current = Password::enter("current_password", &request.current_password, &mut violations);
        let second_factor = is_enabled(&*service.database, account.id).await?;
        let context = Context::new(&account.email, &account.full_name, []);
        let policy = &service.password_policy;
        let chosen = policy
            .choose("new_password", &request.new_password, (second_factor, context), &mut violations)
            .await?;
        if let (Some(current), Some(chosen)) = (&current, &chosen) {
            let differs = !chosen.password.is(current);
            violations.require(differs, "new_password", "must not be the current password");
        }
        let request_id = parse_request_id(&request.request_id, &mut violations);
        violations.require(!request.request_id.is_empty(), "request_id", "must not be empty");
        violations.finish()?;
        let (Some(current), Some(chosen)) = (current, chosen) else {
            return Err(Failure::internal("not parsed").into());
        };
        Ok(Self { current, chosen, request_id })
    }
}

/// The strength of a password is told, but never kept: it would tell a thief where to begin.
fn with_strength(answer: pb::ChangePasswordResponse, strength: u8) -> pb::ChangePasswordResponse {
    pb::ChangePasswordResponse { password_strength: strength.into(), ..answer }
}
