use usher_api::name::CommunityName;
use usher_api::{community as pb, identity};
use usher_runtime::{Caller, Violations};

use crate::catalogue::CONNECTIONS_MANAGE;
use crate::connection::{answered, judge};
use crate::error::Error;
use crate::{Community, authority, parse};

pub(crate) async fn create_connection(
    service: &Community,
    caller: &Caller,
    request: pb::CreateConnectionRequest,
) -> Result<pb::CreateConnectionResponse, Error> {
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse::<CommunityName>());
    let parent = parse::required(parent, &mut violations)?;
    authority::require_for_change(&*service.database, caller, CONNECTIONS_MANAGE, parent).await?;
    let connection = request.connection.unwrap_or_default();
    let judged = judge(service, caller, parent, &connection.default_role).await?;
    let message = identity::CreateConnectionRequest {
        parent: request.parent,
        connection: Some(identity::Connection { default_role: judged.default_role, ..connection }),
        client_secret: request.client_secret,
        request_id: request.request_id,
        root: judged.root.to_string(),
    };
    let answer = answered(service.identity.clone().create_connection(caller.forward(message)).await)?;
    Ok(pb::CreateConnectionResponse { connection: answer.connection })
}
