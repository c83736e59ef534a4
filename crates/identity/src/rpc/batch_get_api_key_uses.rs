use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::ApiKeyName;
use usher_runtime::Violations;
use uuid::Uuid;

use crate::Identity;
use crate::entity::api_key::{Column, Entity};
use crate::error::Error;

const MOST_NAMES: usize = 200;

pub(crate) async fn batch_get_api_key_uses(
    service: &Identity,
    request: pb::BatchGetApiKeyUsesRequest,
) -> Result<pb::BatchGetApiKeyUsesResponse, Error> {
    let mut violations = Violations::default();
    let number_fits = (1..=MOST_NAMES).contains(&request.names.len());
    violations.require(number_fits, "names", format_args!("must hold 1 to {MOST_NAMES} names"));
    let mut names: Vec<ApiKeyName> = Vec::new();
    for (place, name) in request.names.iter().enumerate().take(MOST_NAMES) {
        names.extend(violations.check(format!("names[{place}]"), name.parse::<ApiKeyName>()));
    }
    violations.finish()?;
    let ids: Vec<Uuid> = names.iter().map(|name| name.id).collect();
    let rows = Entity::find().filter(Column::Id.is_in(ids)).filter(Column::LastUseTime.is_not_null());
    let mut uses = Vec::new();
    for row in rows.all(&*service.database).await? {
        let name = row.name()?;
        if names.contains(&name) {
            let last_use_time = row.last_use_time.map(Into::into);
            uses.push(pb::ApiKeyUse { name: name.to_string(), last_use_time });
        }
    }
    Ok(pb::BatchGetApiKeyUsesResponse { uses })
}
