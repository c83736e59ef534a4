use usher_api::identity as pb;

use crate::Identity;
use crate::entity::signing_key::Model;
use crate::error::Error;

pub(crate) async fn get_json_web_keys(service: &Identity) -> Result<pb::GetJsonWebKeysResponse, Error> {
    let keys = service.signing_keys.published().await?;
    Ok(pb::GetJsonWebKeysResponse { keys: keys.into_iter().map(to_proto).collect() })
}

fn to_proto(key: Model) -> pb::JsonWebKey {
    pb::JsonWebKey {
        kid: key.kid,
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: key.public_key,
        alg: "EdDSA".to_owned(),
        r#use: "sig".to_owned(),
    }
}
