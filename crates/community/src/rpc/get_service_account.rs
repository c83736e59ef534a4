use usher_api::community as pb;
use usher_api::name::{PrincipalName, ServiceAccountName};
use usher_runtime::{Caller, Violations};

use crate::api_key::require_platform_admin;
use crate::error::Error;
use crate::service_account::{describe, find};
use crate::{Community, parse};

pub(crate) async fn get_service_account(
    service: &Community,
    caller: &Caller,
    request: pb::GetServiceAccountRequest,
) -> Result<pb::GetServiceAccountResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ServiceAccountName>());
    let name = parse::required(name, &mut violations)?;
    if caller.actor()?.principal != PrincipalName::ServiceAccount(name) {
        require_platform_admin(caller, "serviceAccounts.get", &name)?;
    }
    let row = find(&*service.database, name).await?;
    let service_account = describe(&*service.database, &[row], None).await?.pop();
    Ok(pb::GetServiceAccountResponse { service_account })
}
