use prost::Message as _;
use sea_orm::entity::prelude::*;
use usher_api::name::WebhookName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Timestamp, Violations};

use crate::access::{WEBHOOKS_UPDATE, require};
use crate::entity::webhook;
use crate::entity::webhook_delivery::{ActiveModel, Entity, Model, State};
use crate::error::Error;
use crate::webhook::telling::TESTED;
use crate::{Notifier, webhook as webhooks};

pub(crate) async fn test_webhook(
    service: &Notifier,
    caller: &Caller,
    request: pb::TestWebhookRequest,
) -> Result<pb::TestWebhookResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<WebhookName> = violations.check("name", request.name.parse());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    require(service, caller, WEBHOOKS_UPDATE, name.community).await?;
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "TestWebhook", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let webhook = webhooks::hold(&change, name, "").await?;
    if webhook.disable_reason.is_some() {
        return Err(Error::WebhookDisabled(name));
    }
    let row = delivery(service, &webhook)?;
    Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&*change).await?;
    let answer = pb::TestWebhookResponse { delivery: Some(row.to_proto(name)) };
    once.commit(change, &answer).await?;
    service.webhooks.wake.notify_one();
    Ok(answer)
}

fn delivery(service: &Notifier, webhook: &webhook::Model) -> Result<Model, Error> {
    let now = service.clock.now();
    let message = pb::WebhookTestedEvent { webhook: webhook.name().to_string() }.encode_to_vec();
    let tellings = &service.webhooks.tellings;
    let body = tellings.body(TESTED, now, "usher.notifier.v1.WebhookTestedEvent", &message)?;
    Ok(Model {
        id: service.random.uuid(now),
        webhook_id: webhook.id,
        event_id: service.random.uuid(now),
        event_type: TESTED.to_owned(),
        body,
        state: State::Queued,
        attempts: 0,
        last_response_code: 0,
        last_error: String::new(),
        traceparent: String::new(),
        create_time: now,
        end_time: None,
        // The clock of SQLite is coarse: what is due at once must not wait for the next look.
        available_time: Timestamp(0),
    })
}
