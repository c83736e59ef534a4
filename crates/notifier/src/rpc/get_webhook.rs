use usher_api::name::WebhookName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::{Caller, Violations};

use crate::access::{WEBHOOKS_LIST, require};
use crate::error::Error;
use crate::{Notifier, webhook};

pub(crate) async fn get_webhook(
    service: &Notifier,
    caller: &Caller,
    request: pb::GetWebhookRequest,
) -> Result<pb::GetWebhookResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<WebhookName> = violations.check("name", request.name.parse());
    let name = required(name, &mut violations)?;
    require(service, caller, WEBHOOKS_LIST, name.community).await?;
    let row = webhook::find(&*service.database, name).await?;
    Ok(pb::GetWebhookResponse { webhook: Some(row.to_proto()) })
}
