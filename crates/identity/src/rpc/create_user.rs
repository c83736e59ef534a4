use usher_api::identity as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations};

use crate::Identity;
use crate::account::{self, Profile};
use crate::error::Error;
use crate::password::{Chosen, Context};

pub(crate) async fn create_user(
    service: &Identity,
    caller: &Caller,
    request: pb::CreateUserRequest,
) -> Result<pb::CreateUserResponse, Error> {
    let mut violations = Violations::default();
    let profile = Profile::parse(&request.email, &request.full_name, &mut violations);
    let communities = request.community_names.iter().map(String::as_str);
    let context = Context::new(&request.email, &request.full_name, communities);
    let chosen =
        service.password_policy.choose("password", &request.password, context, &mut violations).await?;
    let terms_version = violations.text("terms_version", &request.terms_version, 1..=64);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.require(!request.request_id.is_empty(), "request_id", "must not be empty");
    violations.finish()?;
    let (Some(profile), Some(Chosen { password, strength })) = (profile, chosen) else {
        return Err(Failure::internal("not parsed").into());
    };

    // Communities may be renamed before a retry.
    let request = pb::CreateUserRequest { community_names: Vec::new(), ..request };
    let once = Once::new(&service.sealing, &service.clock, caller, "CreateUser", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(with_strength(answer, strength));
    }
    // Slow on purpose, so before the change begins.
    let hash = service.hasher.hash(&password).await?;
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(with_strength(answer, strength));
    }
    let mut row = account::new(service, profile, hash);
    row.terms_version = terms_version;
    row.terms_accept_time = Some(row.create_time);
    account::insert(service, &change, &row).await?;
    let answer = pb::CreateUserResponse { user: Some(row.to_proto()), ..pb::CreateUserResponse::default() };
    once.commit(change, &answer).await?;
    tracing::info!(user = %row.name(), "account {} created", row.id);
    Ok(with_strength(answer, strength))
}

/// The strength of a password is told, but never kept: it would tell a thief where to begin.
fn with_strength(answer: pb::CreateUserResponse, strength: u8) -> pb::CreateUserResponse {
    pb::CreateUserResponse { password_strength: strength.into(), ..answer }
}
