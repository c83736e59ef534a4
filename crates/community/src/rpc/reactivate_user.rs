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

pub(crate) async fn reactivate_user(
    service: &Community,
    caller: &Caller,
    request: pb::ReactivateUserRequest,
) -> Result<pb::ReactivateUserResponse, Error> {
    let mut violations = Violations::default();
    let user = violations.check("user", request.user.parse::<UserName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let user = parse::required(user, &mut violations)?;
    violations.finish()?;
    user_state::require_ordinary(service, user).await?;

    let once = Once::new(&service.sealing, &service.clock, caller, "ReactivateUser", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut person = HeldPerson::take(&change, user).await?;
    if person.row.state != State::Deactivated {
        return Err(Error::UserNotDeactivated(user));
    }
    let held = person.revive(service, &change, UserFact::Reactivated).await?;
    let consistency_token = ConsistencyToken::seal(service, held)?;
    let answer =
        pb::ReactivateUserResponse { state: AccountState::from(person.row.state).into(), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(%user, "account {} reactivated", user.0);
    Ok(answer)
}
