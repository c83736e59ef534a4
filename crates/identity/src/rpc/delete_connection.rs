use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::ConnectionName;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::Identity;
use crate::connection::hold;
use crate::entity::{connection, link, sign_on};
use crate::error::Error;

pub(crate) async fn delete_connection(
    service: &Identity,
    caller: &Caller,
    request: pb::DeleteConnectionRequest,
) -> Result<pb::DeleteConnectionResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ConnectionName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "DeleteConnection", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    hold(&change, name, &request.etag).await?;
    let id = name.id;
    link::Entity::delete_many().filter(link::Column::ConnectionId.eq(id)).exec(&*change).await?;
    sign_on::Entity::delete_many().filter(sign_on::Column::ConnectionId.eq(id)).exec(&*change).await?;
    connection::Entity::delete_by_id(id).exec(&*change).await?;
    let answer = pb::DeleteConnectionResponse {};
    once.commit(change, &answer).await?;
    tracing::info!(connection = %name, "connection {id} deleted");
    Ok(answer)
}
