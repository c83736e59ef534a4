use std::time::Duration;

use sea_orm::entity::prelude::*;
use usher_api::name::WebhookName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::Notifier;
use crate::access::{WEBHOOKS_UPDATE, require};
use crate::entity::webhook::{ActiveModel, Entity, Model};
use crate::error::Error;
use crate::webhook::secret::{Secret, show_again};
use crate::webhook::{self, Fact, tell};

/// How long the present secret signs beside the new one if nobody says.
const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);
/// And at most.
const LONGEST_OVERLAP: Duration = Duration::from_hours(7 * 24);

pub(crate) async fn rotate_webhook_secret(
    service: &Notifier,
    caller: &Caller,
    request: pb::RotateWebhookSecretRequest,
) -> Result<pb::RotateWebhookSecretResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<WebhookName> = violations.check("name", request.name.parse());
    let overlap = parse_overlap(request.overlap.as_ref(), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    require(service, caller, WEBHOOKS_UPDATE, name.community).await?;
    violations.finish()?;
    let method = "RotateWebhookSecret";
    let once = Once::new(&service.sealing, &service.clock, caller, method, request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin::<pb::RotateWebhookSecretResponse>(&change).await? {
        let secret = show_again(service, &change, answer.webhook.as_ref()).await?;
        return Ok(pb::RotateWebhookSecretResponse { secret, ..answer });
    }
    let row = webhook::hold(&change, name, &request.etag).await?;
    let secret = Secret::generate(&service.random);
    let row = rotate(service, row, &secret, overlap);
    Entity::update(ActiveModel::from(row.clone()).reset_all()).exec(&*change).await?;
    tell(service, &change, &row, Fact::Updated).await?;
    let answer = pb::RotateWebhookSecretResponse { webhook: Some(row.to_proto()), secret: String::new() };
    once.commit(change, &answer).await?;
    tracing::info!(webhook = %name, "webhook {} got another secret by {caller}", name.id);
    Ok(pb::RotateWebhookSecretResponse { secret: secret.expose(), ..answer })
}

fn parse_overlap(overlap: Option<&prost_types::Duration>, violations: &mut Violations) -> Duration {
    let Some(overlap) = overlap else { return DEFAULT_OVERLAP };
    let overlap = Duration::try_from(*overlap).ok().filter(|overlap| *overlap <= LONGEST_OVERLAP);
    violations.require(overlap.is_some(), "overlap", "must be 0 to 7 days");
    overlap.unwrap_or_default()
}

fn rotate(service: &Notifier, row: Model, secret: &Secret, overlap: Duration) -> Model {
    let now = service.clock.now();
    let overlaps = !overlap.is_zero();
    Model {
        earlier_sealed_secret: overlaps.then_some(row.sealed_secret),
        earlier_secret_end: overlaps.then(|| now.after(overlap)),
        sealed_secret: secret.seal(&service.sealing, &service.random, row.id),
        secret_time: now,
        version: row.version + 1,
        update_time: now,
        ..row
    }
}
