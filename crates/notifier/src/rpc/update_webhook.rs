use sea_orm::entity::prelude::*;
use usher_api::name::WebhookName;
use usher_api::notifier as pb;
use usher_runtime::fields::{required, update_mask};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::Notifier;
use crate::access::{WEBHOOKS_UPDATE, require};
use crate::entity::webhook::{ActiveModel, Entity};
use crate::error::Error;
use crate::webhook::draft::{FIELDS, apply, is_filled};
use crate::webhook::{self, Fact, tell};

pub(crate) async fn update_webhook(
    service: &Notifier,
    caller: &Caller,
    request: pb::UpdateWebhookRequest,
) -> Result<pb::UpdateWebhookResponse, Error> {
    let asked = request.webhook.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name: Option<WebhookName> = violations.check("webhook.name", asked.name.parse());
    let mask = request.update_mask.as_ref();
    let mask = update_mask(mask, &FIELDS, |field| is_filled(&asked, field), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    require(service, caller, WEBHOOKS_UPDATE, name.community).await?;
    let mut draft = webhook::find(&*service.database, name).await?;
    apply(service, &mut draft, &asked, &mask, &mut violations);
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateWebhook", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut row = webhook::hold(&change, name, &asked.etag).await?;
    apply(service, &mut row, &asked, &mask, &mut Violations::default());
    row.version += 1;
    row.update_time = service.clock.now();
    Entity::update(ActiveModel::from(row.clone()).reset_all()).exec(&*change).await?;
    tell(service, &change, &row, Fact::Updated).await?;
    let answer = pb::UpdateWebhookResponse { webhook: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(webhook = %name, "webhook {} updated by {caller}", name.id);
    Ok(answer)
}
