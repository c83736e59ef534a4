//! The keys over HTTP, for verifiers that do not speak gRPC, and where to find them: `/.well-known/` of this service's port.
//!
//! Of OpenID Connect Discovery there is what is true here. This is no OpenID provider: nobody is sent here to sign in, and no ID
//! token is made. So the document has no `authorization_endpoint`, `token_endpoint`, `userinfo_endpoint`, `response_types_supported`
//! or `scopes_supported`. It has what verifiers of access tokens read: the issuer, where its keys are, and how it signs.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};
use usher_runtime::rpc::error_chain;

use crate::Identity;
use crate::rpc::get_json_web_keys::get_json_web_keys;

const KEYS_PATH: &str = "/.well-known/jwks.json";
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// The algorithm of all tokens that people get.
const ALGORITHM: &str = "EdDSA";
/// What stands in access tokens.
const CLAIMS: [&str; 8] = ["iss", "sub", "aud", "iat", "exp", "jti", "sid", "platform_admin"];

/// GET and HEAD; other methods are answered 405.
pub(crate) fn routes(service: Identity) -> Router {
    Router::new()
        .route(KEYS_PATH, get(json_web_keys))
        .route(DISCOVERY_PATH, get(openid_configuration))
        .with_state(service)
}

async fn json_web_keys(State(service): State<Identity>) -> Response {
    let answer = match get_json_web_keys(&service).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(error = error_chain(&error), "the keys cannot be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let key = |key: usher_api::identity::JsonWebKey| {
        json!({
            "kid": key.kid, "kty": key.kty, "crv": key.crv, "x": key.x, "alg": key.alg, "use": key.r#use,
        })
    };
    let keys: Vec<Json> = answer.keys.into_iter().map(key).collect();
    document(&service, "application/jwk-set+json", &json!({ "keys": keys }))
}

async fn openid_configuration(State(service): State<Identity>) -> Response {
    // The address that others know us by is configured. `Host` is whatever a client writes.
    let issuer = &service.issuer;
    let configuration = json!({
        "issuer": issuer,
        "jwks_uri": format!("{}{KEYS_PATH}", issuer.trim_end_matches('/')),
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "subject_types_supported": ["public"],
        "claims_supported": CLAIMS,
    });
    document(&service, "application/json", &configuration)
}

/// May be kept as long as services of the suite keep keys: a revoked key works on no longer elsewhere, and a new one is known
/// everywhere before it signs.
fn document(service: &Identity, kind: &'static str, content: &Json) -> Response {
    let cache = format!("public, max-age={}", service.keys_max_age.as_secs());
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CACHE_CONTROL, cache)];
    (headers, content.to_string()).into_response()
}
