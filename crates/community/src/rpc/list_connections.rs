use usher_api::name::CommunityName;
use usher_api::{community as pb, identity};
use usher_runtime::{Caller, Violations};

use crate::catalogue::CONNECTIONS_MANAGE;
use crate::connection::answered;
use crate::error::Error;
use crate::{Community, authority, parse};

pub(crate) async fn list_connections(
    service: &Community,
    caller: &Caller,
    request: pb::ListConnectionsRequest,
) -> Result<pb::ListConnectionsResponse, Error> {
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse::<CommunityName>());
    let parent = parse::required(parent, &mut violations)?;
    authority::require(service, caller, CONNECTIONS_MANAGE, parent).await?;
    let pb::ListConnectionsRequest { parent, page_size, page_token } = request;
    let message = identity::ListConnectionsRequest { parent, page_size, page_token };
    let answer = answered(service.identity.clone().list_connections(caller.forward(message)).await)?;
    let identity::ListConnectionsResponse { connections, next_page_token } = answer;
    Ok(pb::ListConnectionsResponse { connections, next_page_token })
}
