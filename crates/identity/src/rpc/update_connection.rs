use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::ConnectionName;
use usher_runtime::fields::{required, update_mask};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::Identity;
use crate::connection::{self, FIELDS, apply, hold, is_filled, require_belief, seal_secret};
use crate::entity::connection::{ActiveModel, Entity};
use crate::error::Error;

pub(crate) async fn update_connection(
    service: &Identity,
    caller: &Caller,
    request: pb::UpdateConnectionRequest,
) -> Result<pb::UpdateConnectionResponse, Error> {
    let asked = request.connection.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("connection.name", asked.name.parse::<ConnectionName>());
    let mask = request.update_mask.as_ref();
    let mask = update_mask(mask, &FIELDS, |field| is_filled(&asked, field), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    let mut row = connection::find(&*service.database, name).await?;
    apply(&mut row, &asked, &mask, &mut violations);
    let secret = Some(&request.client_secret).filter(|secret| !secret.is_empty());
    let secret = secret.map(|secret| seal_secret(service, secret, &mut violations));
    if mask.contains("email_domains") {
        require_belief(caller, &name)?;
    }
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateConnection", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut row = hold(&change, name, &asked.etag).await?;
    apply(&mut row, &asked, &mask, &mut Violations::default());
    row.sealed_client_secret = secret.unwrap_or(row.sealed_client_secret);
    row.version += 1;
    row.update_time = service.clock.now();
    Entity::update(ActiveModel::from(row.clone()).reset_all()).exec(&*change).await?;
    let answer = pb::UpdateConnectionResponse { connection: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(connection = %name, "connection {} updated", name.id);
    Ok(answer)
}
