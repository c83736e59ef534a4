use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::identity;
use usher_api::name::{ApiKeyOwner, ServiceAccountName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::api_key::of_owner;
use crate::connection::answered;
use crate::entity::service_account::Entity;
use crate::entity::{api_key, program_permission};
use crate::error::Error;
use crate::event::AccountFact;
use crate::{Community, event, parse, service_account, tree};

pub(crate) async fn delete_service_account(
    service: &Community,
    caller: &Caller,
    request: pb::DeleteServiceAccountRequest,
) -> Result<pb::DeleteServiceAccountResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ServiceAccountName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    violations.finish()?;

    let once =
        Once::new(&service.sealing, &service.clock, caller, "DeleteServiceAccount", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let row = service_account::find(&*service.database, name).await?;
    tree::require_etag(&request.etag, row.version, &name)?;
    // First, while they can be found: should anything fail afterwards, the account is there to be deleted again.
    revoke_keys(service, name).await?;
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    delete(service, &change, name, &request.etag).await?;
    let answer = pb::DeleteServiceAccountResponse {};
    once.commit(change, &answer).await?;
    tracing::info!(service_account = %name, "service account {} deleted", name.0);
    Ok(answer)
}

/// Has nobody believe the keys of the account any more.
async fn revoke_keys(service: &Community, name: ServiceAccountName) -> Result<(), Error> {
    let keys = api_key::Entity::find().filter(of_owner(ApiKeyOwner::ServiceAccount(name)));
    for key in keys.all(&*service.database).await? {
        let revocation = identity::RevokeApiKeyRequest { name: key.name()?.to_string() };
        answered(service.identity.clone().revoke_api_key(revocation).await)?;
    }
    Ok(())
}

async fn delete(
    service: &Community,
    change: &Change,
    name: ServiceAccountName,
    etag: &str,
) -> Result<(), Error> {
    service_account::hold_trees(change, name).await?;
    let mut row = service_account::hold(change, name, etag).await?;
    program_permission::Entity::delete_many()
        .filter(program_permission::Column::ProgramId.eq(name.0))
        .exec(&**change)
        .await?;
    // Its keys go with it.
    Entity::delete_by_id(name.0).exec(&**change).await?;
    row.version += 1;
    row.update_time = service.clock.now();
    event::of_service_account(service, change, &row, AccountFact::Deleted).await
}
