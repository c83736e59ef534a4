use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::identity as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, Violations};
use uuid::Uuid;

use crate::Identity;
use crate::access::{named_user, require_self};
use crate::account::tell;
use crate::entity::account::{Column, Entity, Model};
use crate::error::Error;
use crate::password::{Chosen, Context, Password};
use crate::session;

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
    if account.password_hash.is_empty() {
        return Err(Error::PasswordNotSet { user: account.name().to_string() });
    }
    if !service.hasher.matches(&current, Some(account.password_hash.clone())).await? {
        return Err(Error::CurrentPasswordInvalid);
    }
    let hash = service.hasher.hash(&password).await?;
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(with_strength(answer, strength));
    }
    let row = replace_hash(service, &change, &account, hash).await?;
    session::end_all(service, &change, row.id, Some(caller.person()?.session)).await?;
    tell(service, &change, &row, "user.password_changed", row.update_time).await?;
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
    ) -> Result<Self, Failure> {
        let mut violations = Violations::default();
        let current = Password::enter("current_password", &request.current_password, &mut violations);
        let context = Context::new(&account.email, &account.full_name, []);
        let policy = &service.password_policy;
        let chosen = policy.choose("new_password", &request.new_password, context, &mut violations).await?;
        if let (Some(current), Some(chosen)) = (&current, &chosen) {
            let differs = !chosen.password.is(current);
            violations.require(differs, "new_password", "must not be the current password");
        }
        let request_id = parse_request_id(&request.request_id, &mut violations);
        violations.require(!request.request_id.is_empty(), "request_id", "must not be empty");
        violations.finish()?;
        let (Some(current), Some(chosen)) = (current, chosen) else {
            return Err(Failure::internal("not parsed"));
        };
        Ok(Self { current, chosen, request_id })
    }
}

/// Keeps the hash of another password within `change`, if the account still has the one that was compared. Of two changes at
/// once, one comes too late.
async fn replace_hash(
    service: &Identity,
    change: &Change,
    account: &Model,
    hash: String,
) -> Result<Model, Error> {
    let updated = Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(hash))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(service.clock.now()))
        .filter(Column::Id.eq(account.id))
        .filter(Column::PasswordHash.eq(account.password_hash.as_str()))
        .exec_with_returning(&**change)
        .await?;
    Ok(updated.into_iter().next().ok_or(Failure::ConcurrentChange)?)
}

/// The strength of a password is told, but never kept: it would tell a thief where to begin.
fn with_strength(answer: pb::ChangePasswordResponse, strength: u8) -> pb::ChangePasswordResponse {
    pb::ChangePasswordResponse { password_strength: strength.into(), ..answer }
}
