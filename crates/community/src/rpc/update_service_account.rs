use usher_api::community as pb;
use usher_api::name::ServiceAccountName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use crate::error::Error;
use crate::event::AccountFact;
use crate::service_account::{self, FIELDS, apply, describe, is_filled};
use crate::{Community, event, parse};

pub(crate) async fn update_service_account(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateServiceAccountRequest,
) -> Result<pb::UpdateServiceAccountResponse, Error> {
    let asked = request.service_account.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("service_account.name", asked.name.parse::<ServiceAccountName>());
    let mask = request.update_mask.as_ref();
    let mask = parse::update_mask(mask, &FIELDS, |field| is_filled(&asked, field), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    // Into a copy: what is wrong must be told before anything is held.
    let mut draft = service_account::find(&*service.database, name).await?;
    apply(&mut draft, &asked, &mask, &mut violations);
    violations.finish()?;

    let once =
        Once::new(&service.sealing, &service.clock, caller, "UpdateServiceAccount", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    service_account::hold_trees(&change, name).await?;
    let mut row = service_account::hold(&change, name, &asked.etag).await?;
    apply(&mut row, &asked, &mask, &mut Violations::default());
    service_account::write(service, &change, &mut row).await?;
    event::of_service_account(service, &change, &row, AccountFact::Updated).await?;
    let service_account = describe(&*change, std::slice::from_ref(&row), None).await?.pop();
    let answer = pb::UpdateServiceAccountResponse { service_account };
    once.commit(change, &answer).await?;
    tracing::info!(service_account = %name, enabled = row.enabled, "service account {} updated", row.id);
    Ok(answer)
}
