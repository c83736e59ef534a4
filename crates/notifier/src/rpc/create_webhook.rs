use std::collections::BTreeSet;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use usher_api::name::CommunityName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::Notifier;
use crate::access::{WEBHOOKS_CREATE, require};
use crate::entity::webhook::{ActiveModel, Column, Entity, Model};
use crate::entity::webhook_owner;
use crate::error::Error;
use crate::webhook::draft::{FIELDS, apply};
use crate::webhook::secret::{Secret, show_again};
use crate::webhook::{Fact, tell};

/// How many webhooks a community has at most.
const MOST: u64 = 20;

pub(crate) async fn create_webhook(
    service: &Notifier,
    caller: &Caller,
    request: pb::CreateWebhookRequest,
) -> Result<pb::CreateWebhookResponse, Error> {
    let mut asked = request.webhook.clone().unwrap_or_default();
    if asked.state == 0 {
        asked.set_state(pb::WebhookState::Enabled);
    }
    let mut violations = Violations::default();
    let parent: Option<CommunityName> = violations.check("parent", request.parent.parse());
    let secret = Secret::generate(&service.random);
    let mut row = blank(service, parent, &secret);
    apply(service, &mut row, &asked, &BTreeSet::from(FIELDS), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let parent = required(parent, &mut violations)?;
    require(service, caller, WEBHOOKS_CREATE, parent).await?;
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "CreateWebhook", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin::<pb::CreateWebhookResponse>(&change).await? {
        let secret = show_again(service, &change, answer.webhook.as_ref()).await?;
        return Ok(pb::CreateWebhookResponse { secret, ..answer });
    }
    hold_webhooks_of(&change, parent).await?;
    if Entity::find().filter(Column::CommunityId.eq(parent.0)).count(&*change).await? >= MOST {
        return Err(Error::WebhookLimitReached(parent));
    }
    Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&*change).await?;
    tell(service, &change, &row, Fact::Created).await?;
    let answer = pb::CreateWebhookResponse { webhook: Some(row.to_proto()), secret: String::new() };
    once.commit(change, &answer).await?;
    tracing::info!(webhook = %row.name(), "webhook {} created by {caller}", row.id);
    Ok(pb::CreateWebhookResponse { secret: secret.expose(), ..answer })
}

/// Until `change` ends, nobody else makes a webhook of the community: those of two changes would not be counted together.
async fn hold_webhooks_of(change: &Change, community: CommunityName) -> Result<(), DbErr> {
    let row = webhook_owner::ActiveModel { community_id: Set(community.0) };
    let column = webhook_owner::Column::CommunityId;
    let known = OnConflict::column(column).update_column(column).to_owned();
    webhook_owner::Entity::insert(row).on_conflict(known).exec_without_returning(&**change).await?;
    Ok(())
}

fn blank(service: &Notifier, parent: Option<CommunityName>, secret: &Secret) -> Model {
    let now = service.clock.now();
    let id = service.random.uuid(now);
    Model {
        id,
        community_id: parent.map_or_else(Uuid::nil, |parent| parent.0),
        url: String::new(),
        description: String::new(),
        event_types: String::new(),
        disable_reason: None,
        sealed_secret: secret.seal(&service.sealing, &service.random, id),
        secret_time: now,
        earlier_sealed_secret: None,
        earlier_secret_end: None,
        failing_since: None,
        version: 1,
        create_time: now,
        update_time: now,
    }
}
