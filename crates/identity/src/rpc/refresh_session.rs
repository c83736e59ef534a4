use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Violations};

use crate::Identity;
use crate::account;
use crate::entity::account::{Entity, Model};
use crate::error::Error;
use crate::refresh_token::RefreshToken;
use crate::session::{credentials, rotate};

pub(crate) async fn refresh_session(
    service: &Identity,
    caller: &Caller,
    request: pb::RefreshSessionRequest,
) -> Result<pb::RefreshSessionResponse, Error> {
    let mut violations = Violations::default();
    violations.require(!request.refresh_token.is_empty(), "refresh_token", "must not be empty");
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    let token: RefreshToken = request.refresh_token.parse()?;
    let (session, next) = rotate(service, &token, request_id, caller.source).await?;
    let account = Entity::find_by_id(session.account_id).one(&*service.database).await?;
    let account = account.ok_or(Error::RefreshTokenInvalid)?;
    note_seen(service, &account).await?;
    let credentials = credentials(service, &account, &session, next).await?;
    Ok(pb::RefreshSessionResponse { credentials: Some(credentials) })
}

/// Notes that the person is there, if that is news.
async fn note_seen(service: &Identity, account: &Model) -> Result<(), Error> {
    let now = service.clock.now();
    if account::is_long_unseen(account, now) {
        let change = service.database.change().await?;
        account::note_seen(service, &change, account, now).await?;
        change.commit().await?;
    }
    Ok(())
}
