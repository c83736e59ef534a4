use sea_orm::entity::prelude::*;
use usher_api::name::SuppressionName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::entity::suppression::{Column, Entity};
use crate::error::Error;
use crate::{Notifier, suppression};

pub(crate) async fn delete_suppression(
    service: &Notifier,
    caller: &Caller,
    request: pb::DeleteSuppressionRequest,
) -> Result<pb::DeleteSuppressionResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<SuppressionName> = violations.check("name", request.name.parse());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "DeleteSuppression", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let live = suppression::live(&*change);
    let deleted =
        Entity::delete_many().filter(Column::Id.eq(name.0)).filter(live).exec(&*change).await?.rows_affected;
    if deleted == 0 {
        return Err(Error::SuppressionNotFound(name));
    }
    let answer = pb::DeleteSuppressionResponse {};
    once.commit(change, &answer).await?;
    tracing::info!(suppression = %name, "{name} ended by {caller}");
    Ok(answer)
}
