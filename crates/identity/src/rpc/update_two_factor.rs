use sea_orm::sea_query::Expr;
use usher_api::identity as pb;
use usher_runtime::fields::update_mask;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Once, Violations};

use super::get_two_factor::{parse, show};
use crate::access::require_self;
use crate::entity::account::{Column, Factor};
use crate::error::Error;
use crate::second_factor::Factors;
use crate::{Identity, account};

const FIELD: &str = "preferred_factor";

pub(crate) async fn update_two_factor(
    service: &Identity,
    caller: &Caller,
    request: pb::UpdateTwoFactorRequest,
) -> Result<pb::UpdateTwoFactorResponse, Error> {
    let asked = request.two_factor.clone().unwrap_or_default();
    let name = parse(caller, "two_factor.name", &asked.name)?;
    require_self(caller, name, "users.update")?;
    let mut violations = Violations::default();
    let filled = |_: &str| asked.preferred_factor != 0;
    let mask = update_mask(request.update_mask.as_ref(), &[FIELD], filled, &mut violations);
    let preferred =
        violations.check("two_factor.preferred_factor", Factor::from_proto(asked.preferred_factor)).flatten();
    let request_id = parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateTwoFactor", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let mut row = account::hold_active(&change, name).await?;
    account::require_etag(&asked.etag, &row)?;
    if mask.contains(FIELD) {
        if let Some(factor) = preferred
            && !Factors::of(&*change, &row).await?.enrolled().contains(&factor)
        {
            return Err(Error::FactorNotEnrolled(factor));
        }
        let columns = vec![(Column::PreferredFactor, Expr::value(preferred))];
        row = account::write(service, &change, row.id, columns, "user.updated").await?;
    }
    let two_factor = show(service, &*change, &row).await?;
    let answer = pb::UpdateTwoFactorResponse { two_factor: Some(two_factor) };
    once.commit(change, &answer).await?;
    tracing::info!(user = %name, "second factor of account {} updated", row.id);
    Ok(answer)
}
