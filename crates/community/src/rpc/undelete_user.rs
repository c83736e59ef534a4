use usher_api::community::{self as pb, AccountState};
use usher_api::name::UserName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::consistency::ConsistencyToken;
use crate::entity::person::State;
use crate::error::Error;
use crate::event::UserFact;
use crate::user_state::HeldPerson;
use crate::{Community, parse, user_state};

pub(crate) async fn undelete_user(
    service: &Community,
    caller: &Caller,
    request: pb::UndeleteUserRequest,
) -> Result<pb::UndeleteUserResponse, Error> {
    let mut violations = Violations::default();
    let user = violations.check("user", request.user.parse::<UserName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let user = parse::required(user, &mut violations)?;
    violations.finish()?;
    user_state::require_ordinary(service, user).await?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UndeleteUser", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut person = HeldPerson::take(&change, user).await?;
    if !can_come_back(service, &person) {
        return Err(Error::UserNotDeleted(user));
    }
    let held = person.revive(service, &change, UserFact::Undeleted).await?;
    let consistency_token = ConsistencyToken::seal(service, held)?;
    let answer =
        pb::UndeleteUserResponse { state: AccountState::from(person.row.state).into(), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(%user, "account {} undeleted", user.0);
    Ok(answer)
}

/// Whether the account is deleted, and will not be destroyed at any moment.
fn can_come_back(service: &Community, person: &HeldPerson) -> bool {
    let now = service.clock.now();
    person.row.state == State::Deleted && person.row.purge_time.is_none_or(|purge_time| purge_time > now)
}
