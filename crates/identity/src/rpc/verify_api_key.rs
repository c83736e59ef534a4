use usher_api::identity as pb;
use usher_runtime::Violations;

use crate::Identity;
use crate::api_key::{find_good, note_use, principal};
use crate::error::Error;

/// The length of a SHA-256.
const HASH_LENGTH: usize = 32;

pub(crate) async fn verify_api_key(
    service: &Identity,
    request: pb::VerifyApiKeyRequest,
) -> Result<pb::VerifyApiKeyResponse, Error> {
    let mut violations = Violations::default();
    violations.require(request.hash.len() == HASH_LENGTH, "hash", "must be a SHA-256");
    violations.finish()?;
    let row = find_good(service, &request.hash).await?;
    note_use(service, &row).await?;
    Ok(pb::VerifyApiKeyResponse { principal: principal(row.name()?).to_string() })
}
