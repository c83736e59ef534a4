use usher_api::name::ConnectionName;
use usher_api::{community as pb, identity};
use usher_runtime::{Caller, Violations};

use crate::catalogue::CONNECTIONS_MANAGE;
use crate::connection::{answered, judge};
use crate::error::Error;
use crate::{Community, authority, parse};

pub(crate) async fn update_connection(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateConnectionRequest,
) -> Result<pb::UpdateConnectionResponse, Error> {
    let connection = request.connection.unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("connection.name", connection.name.parse::<ConnectionName>());
    let name = parse::required(name, &mut violations)?;
    authority::require_for_change(&*service.database, caller, CONNECTIONS_MANAGE, name.community).await?;
    // Whether the mask names it or not: a role that could not be given is not passed on.
    let judged = judge(service, caller, name.community, &connection.default_role).await?;
    let message = identity::UpdateConnectionRequest {
        connection: Some(identity::Connection { default_role: judged.default_role, ..connection }),
        update_mask: request.update_mask,
        client_secret: request.client_secret,
        request_id: request.request_id,
    };
    let answer = answered(service.identity.clone().update_connection(caller.forward(message)).await)?;
    Ok(pb::UpdateConnectionResponse { connection: answer.connection })
}
