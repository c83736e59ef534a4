use usher_api::name::ConnectionName;
use usher_api::{community as pb, identity};
use usher_runtime::{Caller, Violations};

use crate::catalogue::CONNECTIONS_MANAGE;
use crate::connection::answered;
use crate::error::Error;
use crate::{Community, authority, parse};

pub(crate) async fn get_connection(
    service: &Community,
    caller: &Caller,
    request: pb::GetConnectionRequest,
) -> Result<pb::GetConnectionResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ConnectionName>());
    let name = parse::required(name, &mut violations)?;
    authority::require(service, caller, CONNECTIONS_MANAGE, name.community).await?;
    let message = identity::GetConnectionRequest { name: request.name };
    let answer = answered(service.identity.clone().get_connection(caller.forward(message)).await)?;
    Ok(pb::GetConnectionResponse { connection: answer.connection })
}
