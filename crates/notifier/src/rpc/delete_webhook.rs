use usher_api::name::WebhookName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::access::{WEBHOOKS_DELETE, require};
use crate::error::Error;
use crate::{Notifier, webhook};

pub(crate) async fn delete_webhook(
    service: &Notifier,
    caller: &Caller,
    request: pb::DeleteWebhookRequest,
) -> Result<pb::DeleteWebhookResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<WebhookName> = violations.check("name", request.name.parse());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    require(service, caller, WEBHOOKS_DELETE, name.community).await?;
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "DeleteWebhook", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let row = webhook::hold(&change, name, &request.etag).await?;
    webhook::delete(service, &change, row).await?;
    let answer = pb::DeleteWebhookResponse {};
    once.commit(change, &answer).await?;
    tracing::info!(webhook = %name, "webhook {} deleted by {caller}", name.id);
    Ok(answer)
}
