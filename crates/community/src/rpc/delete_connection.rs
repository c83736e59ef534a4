use usher_api::name::ConnectionName;
use usher_api::{community as pb, identity};
use usher_runtime::{Caller, Violations};

use crate::catalogue::CONNECTIONS_MANAGE;
use crate::connection::answered;
use crate::error::Error;
use crate::{Community, authority, parse};

pub(crate) async fn delete_connection(
    service: &Community,
    caller: &Caller,
    request: pb::DeleteConnectionRequest,
) -> Result<pb::DeleteConnectionResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ConnectionName>());
    let name = parse::required(name, &mut violations)?;
    authority::require_for_change(&*service.database, caller, CONNECTIONS_MANAGE, name.community).await?;
    let pb::DeleteConnectionRequest { name, etag, request_id } = request;
    let message = identity::DeleteConnectionRequest { name, etag, request_id };
    answered(service.identity.clone().delete_connection(caller.forward(message)).await)?;
    Ok(pb::DeleteConnectionResponse {})
}
