use std::collections::BTreeSet;

use sea_orm::{ActiveModelTrait as _, EntityTrait as _};
use usher_api::community as pb;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::entity::service_account::{ActiveModel, Entity, Model};
use crate::error::Error;
use crate::event::AccountFact;
use crate::service_account::apply;
use crate::{Community, event};

pub(crate) async fn create_service_account(
    service: &Community,
    caller: &Caller,
    request: pb::CreateServiceAccountRequest,
) -> Result<pb::CreateServiceAccountResponse, Error> {
    let asked = request.service_account.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let now = service.clock.now();
    let mut row = Model {
        id: service.random.uuid(now),
        display_name: String::new(),
        description: String::new(),
        search_key: String::new(),
        enabled: true,
        version: 1,
        create_time: now,
        update_time: now,
    };
    apply(&mut row, &asked, &BTreeSet::from(["display_name", "description"]), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;

    let once =
        Once::new(&service.sealing, &service.clock, caller, "CreateServiceAccount", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&*change).await?;
    event::of_service_account(service, &change, &row, AccountFact::Created).await?;
    let answer = pb::CreateServiceAccountResponse { service_account: Some(row.to_proto(Vec::new())) };
    once.commit(change, &answer).await?;
    tracing::info!(service_account = %row.name(), "service account {} created", row.id);
    Ok(answer)
}
