use sea_orm::ActiveModelTrait as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use usher_api::identity as pb;
use usher_api::name::ApiKeyName;
use usher_runtime::fields::required;
use usher_runtime::{ApiKeySecret, Failure, Violations};

use crate::Identity;
use crate::api_key::{find, purpose};
use crate::entity::api_key::{ActiveModel, Entity, Model};
use crate::error::Error;

pub(crate) async fn create_api_key(
    service: &Identity,
    request: pb::CreateApiKeyRequest,
) -> Result<pb::CreateApiKeyResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ApiKeyName>());
    let name = required(name, &mut violations)?;

    let secret = ApiKeySecret::generate(&service.random);
    let sealed = service.sealing.seal(&service.random, &purpose(name.id), secret.expose().as_bytes());
    let row = Model {
        id: name.id,
        owner: name.owner.to_string(),
        hash: secret.hash(),
        sealed_secret: Some(sealed),
        expire_time: request.expire_time.map(Into::into),
        revoke_time: None,
        last_use_time: None,
        create_time: service.clock.now(),
    };
    let inserted = Entity::insert(ActiveModel::from(row).reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&*service.database)
        .await?;
    if inserted > 0 {
        tracing::info!(api_key = %name, "api key {} created", name.id);
        return Ok(pb::CreateApiKeyResponse { secret: secret.expose().to_owned() });
    }
    Ok(pb::CreateApiKeyResponse { secret: secret_again(service, name).await? })
}

/// The secret that was made before. Empty if it is not kept any more: it goes with the first use, a revocation, or time.
async fn secret_again(service: &Identity, name: ApiKeyName) -> Result<String, Error> {
    let row = find(&*service.database, name).await?;
    let sealed = row.and_then(|row| row.sealed_secret);
    let Some(sealed) = sealed else { return Ok(String::new()) };
    let plain = service.sealing.open(&purpose(name.id), &sealed);
    let plain = plain.ok_or_else(|| Failure::internal("a sealed API key cannot be opened"))?;
    Ok(String::from_utf8(plain).map_err(Failure::internal)?)
}
