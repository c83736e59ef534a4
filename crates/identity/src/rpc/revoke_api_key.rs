use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::ApiKeyName;
use usher_runtime::Violations;
use usher_runtime::fields::required;

use crate::Identity;
use crate::entity::api_key::{Column, Entity};
use crate::error::Error;

pub(crate) async fn revoke_api_key(
    service: &Identity,
    request: pb::RevokeApiKeyRequest,
) -> Result<pb::RevokeApiKeyResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ApiKeyName>());
    let name = required(name, &mut violations)?;
    let revoked = Entity::update_many()
        .col_expr(Column::RevokeTime, Expr::value(service.clock.now()))
        .col_expr(Column::SealedSecret, Expr::value(None::<String>))
        .filter(Column::Id.eq(name.id))
        .filter(Column::Owner.eq(name.owner.to_string()))
        .filter(Column::RevokeTime.is_null())
        .exec(&*service.database)
        .await?;
    if revoked.rows_affected > 0 {
        tracing::info!(api_key = %name, "api key {} revoked", name.id);
    }
    Ok(pb::RevokeApiKeyResponse {})
}
