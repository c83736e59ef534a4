use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::Identity;
use crate::access::{named_user, require_own};
use crate::entity::account::Entity;
use crate::error::Error;
use crate::session;

pub(crate) async fn revoke_all_sessions(
    service: &Identity,
    caller: &Caller,
    request: pb::RevokeAllSessionsRequest,
) -> Result<pb::RevokeAllSessionsResponse, Error> {
    let user = named_user(caller, "parent", &request.parent)?;
    require_own(caller, user, "sessions.revoke")?;
    let mut violations = Violations::default();
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    let current = caller.person()?.session;

    let once = Once::new(&service.sealing, &service.clock, caller, "RevokeAllSessions", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    if Entity::find_by_id(user.0).one(&*change).await?.is_none() {
        return Err(Error::UserNotFound { user: request.parent });
    }
    let ended = session::end_all(service, &change, user.0, request.keep_current.then_some(current)).await?;
    let answer = pb::RevokeAllSessionsResponse { revoked_count: i32::try_from(ended).unwrap_or(i32::MAX) };
    once.commit(change, &answer).await?;
    tracing::info!(user = %user, ended, "sessions of {} revoked", user.0);
    Ok(answer)
}
