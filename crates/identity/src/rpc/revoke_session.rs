use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::SessionName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations, database};

use crate::Identity;
use crate::access::require_own;
use crate::entity::session::{Column, Entity};
use crate::error::Error;

pub(crate) async fn revoke_session(
    service: &Identity,
    caller: &Caller,
    request: pb::RevokeSessionRequest,
) -> Result<pb::RevokeSessionResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", name_in_full(caller, &request.name)?.parse::<SessionName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    if let Some(name) = name {
        require_own(caller, name.user, "sessions.revoke")?;
    }
    violations.finish()?;
    let name = name.ok_or_else(|| Failure::internal("not parsed"))?;

    let once = Once::new(&service.sealing, &service.clock, caller, "RevokeSession", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let session = Entity::find_by_id(name.id).filter(Column::AccountId.eq(name.user.0)).one(&*change).await?;
    if session.is_none() {
        return Err(Error::SessionNotFound(name));
    }
    Entity::update_many()
        .col_expr(Column::EndTime, database::now(&*change))
        .filter(Column::Id.eq(name.id))
        .filter(Column::EndTime.is_null())
        .exec(&*change)
        .await?;
    let answer = pb::RevokeSessionResponse {};
    once.commit(change, &answer).await?;
    tracing::info!(user = %name.user, session = %name.id, "session {} revoked", name.id);
    Ok(answer)
}

/// `users/me` and `sessions/current` stand for the calling person, and for the session of his call.
fn name_in_full(caller: &Caller, name: &str) -> Result<String, Failure> {
    let Some(rest) = name.strip_prefix("users/me/") else { return Ok(name.to_owned()) };
    let person = caller.person()?;
    let rest =
        if rest == "sessions/current" { format!("sessions/{}", person.session) } else { rest.to_owned() };
    Ok(format!("{}/{rest}", person.user))
}
