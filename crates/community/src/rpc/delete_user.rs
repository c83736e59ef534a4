use usher_api::community::{self as pb, AccountState};
use usher_api::identity::ConfirmPasswordRequest;
use usher_api::name::UserName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations};

use crate::consistency::ConsistencyToken;
use crate::entity::person::State;
use crate::error::Error;
use crate::event::UserFact;
use crate::user_state::HeldPerson;
use crate::{Community, parse, user_state};

pub(crate) async fn delete_user(
    service: &Community,
    caller: &Caller,
    request: pb::DeleteUserRequest,
) -> Result<pb::DeleteUserResponse, Error> {
    let person = caller.person()?;
    let mut violations = Violations::default();
    let user = match request.user.as_str() {
        "users/me" => Some(person.user),
        name => violations.check("user", name.parse::<UserName>()),
    };
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let user = parse::required(user, &mut violations)?;
    let own = user == person.user;
    if !own && !person.platform_admin {
        let (permission, resource) = ("users.delete".to_owned(), user.to_string());
        return Err(Failure::PermissionDenied { permission, resource }.into());
    }
    let given = !request.current_password.is_empty();
    let wanted = if own { "must not be empty" } else { "must be empty: it is not yours" };
    violations.require(given == own, "current_password", wanted);
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "DeleteUser", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    user_state::require_ordinary(service, user).await?;
    if own {
        confirm(service, caller, &request).await?;
    }
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut person = HeldPerson::take(&change, user).await?;
    if person.row.state == State::Deleted {
        return Err(Error::UserDeleted(user));
    }
    let held = person.stop(service, &change, UserFact::Deleted).await?;
    let consistency_token = ConsistencyToken::seal(service, held)?;
    let state = AccountState::from(person.row.state).into();
    let answer = pb::DeleteUserResponse {
        state,
        purge_time: person.row.purge_time.map(Into::into),
        consistency_token,
    };
    once.commit(change, &answer).await?;
    tracing::info!(%user, "account {} deleted", user.0);
    Ok(answer)
}

/// Has the identity service compare the password.
async fn confirm(service: &Community, caller: &Caller, request: &pb::DeleteUserRequest) -> Result<(), Error> {
    let message = ConfirmPasswordRequest {
        name: caller.person()?.user.to_string(),
        current_password: request.current_password.clone(),
    };
    let answer = service.identity.clone().confirm_password(caller.forward(message)).await;
    answer.map(|_| ()).map_err(|status| Failure::from_neighbour("identity", status).into())
}
