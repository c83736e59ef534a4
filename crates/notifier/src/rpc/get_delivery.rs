use sea_orm::EntityTrait as _;
use usher_api::name::DeliveryName;
use usher_api::notifier as pb;
use usher_runtime::Violations;
use usher_runtime::fields::required;

use crate::Notifier;
use crate::entity::delivery::Entity;
use crate::error::Error;

pub(crate) async fn get_delivery(
    service: &Notifier,
    request: pb::GetDeliveryRequest,
) -> Result<pb::GetDeliveryResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<DeliveryName> = violations.check("name", request.name.parse());
    let name = required(name, &mut violations)?;
    let row = Entity::find_by_id(name.0).one(&*service.database).await?;
    let row = row.ok_or(Error::DeliveryNotFound(name))?;
    Ok(pb::GetDeliveryResponse { delivery: Some(row.to_proto()) })
}
