use usher_api::name::WebhookDeliveryName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Violations};

use crate::access::{WEBHOOKS_LIST, require};
use crate::error::Error;
use crate::{Notifier, webhook};

pub(crate) async fn get_webhook_delivery(
    service: &Notifier,
    caller: &Caller,
    request: pb::GetWebhookDeliveryRequest,
) -> Result<pb::GetWebhookDeliveryResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<WebhookDeliveryName> = violations.check("name", request.name.parse());
    let name = required(name, &mut violations)?;
    require(service, caller, WEBHOOKS_LIST, name.webhook.community).await?;
    let row = webhook::find_delivery(&*service.database, name).await?;
    Ok(pb::GetWebhookDeliveryResponse { delivery: Some(row.to_proto(name.webhook)) })
}
