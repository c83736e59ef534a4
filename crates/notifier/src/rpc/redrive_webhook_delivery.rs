use sea_orm::entity::prelude::*;
use usher_api::name::WebhookDeliveryName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations, database};

use crate::access::{WEBHOOKS_UPDATE, require};
use crate::entity::webhook_delivery::{Column, Entity, Model, State};
use crate::error::Error;
use crate::{Notifier, webhook};

pub(crate) async fn redrive_webhook_delivery(
    service: &Notifier,
    caller: &Caller,
    request: pb::RedriveWebhookDeliveryRequest,
) -> Result<pb::RedriveWebhookDeliveryResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<WebhookDeliveryName> = violations.check("name", request.name.parse());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    require(service, caller, WEBHOOKS_UPDATE, name.webhook.community).await?;
    violations.finish()?;
    let method = "RedriveWebhookDelivery";
    let once = Once::new(&service.sealing, &service.clock, caller, method, request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    webhook::find_delivery(&*change, name).await?;
    if webhook::hold(&change, name.webhook, "").await?.disable_reason.is_some() {
        return Err(Error::WebhookDisabled(name.webhook));
    }
    let row = queue_again(&change, name).await?;
    let answer = pb::RedriveWebhookDeliveryResponse { delivery: Some(row.to_proto(name.webhook)) };
    once.commit(change, &answer).await?;
    service.webhooks.wake.notify_one();
    tracing::info!(delivery = %name, "webhook delivery {} redriven by {caller}", name.id);
    Ok(answer)
}

/// Of two who try at once, one does.
async fn queue_again(change: &Change, name: WebhookDeliveryName) -> Result<Model, Error> {
    let queued = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Queued))
        .col_expr(Column::EndTime, Expr::value(None::<i64>))
        .col_expr(Column::AvailableTime, database::now(&**change))
        .filter(Column::Id.eq(name.id))
        .filter(Column::State.is_in([State::Failed, State::Skipped]))
        .exec_with_returning(&**change)
        .await?;
    queued.into_iter().next().ok_or(Error::WebhookDeliveryNotEnded(name))
}
