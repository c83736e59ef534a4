use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::identity as pb;
use usher_runtime::fields::{required, update_mask};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations};

use crate::access::{named_passkey, require_self};
use crate::entity::passkey::{Column, Entity};
use crate::error::Error;
use crate::passkey::registered::{named, require_etag};
use crate::{Identity, account};

const FIELD: &str = "display_name";

pub(crate) async fn update_passkey(
    service: &Identity,
    caller: &Caller,
    request: pb::UpdatePasskeyRequest,
) -> Result<pb::UpdatePasskeyResponse, Error> {
    let asked = request.passkey.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = named_passkey(caller, "passkey.name", &asked.name, &mut violations)?;
    if let Some(name) = name {
        require_self(caller, name.user, "passkeys.update")?;
    }
    let filled = |_: &str| !asked.display_name.is_empty();
    let mask = update_mask(request.update_mask.as_ref(), &[FIELD], filled, &mut violations);
    let display_name =
        mask.contains(FIELD).then(|| violations.text("passkey.display_name", &asked.display_name, 1..=100));
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "UpdatePasskey", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    account::hold_active(&change, name.user).await?;
    let mut row = named(&change, name).await?;
    require_etag(&asked.etag, &row)?;
    if let Some(display_name) = display_name {
        let updated = Entity::update_many()
            .col_expr(Column::DisplayName, Expr::value(display_name))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.eq(row.id))
            .exec_with_returning(&*change)
            .await?;
        row = updated.into_iter().next().ok_or(Failure::ConcurrentChange)?;
    }
    let answer = pb::UpdatePasskeyResponse { passkey: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(passkey = %name, "passkey {} updated", row.id);
    Ok(answer)
}
