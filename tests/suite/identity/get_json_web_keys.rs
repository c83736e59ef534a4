use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sandbox::{Caller, current};
use serde_json::{Value as Json, json};
use tonic::Code;
use usher_api::identity::{GetJsonWebKeysRequest, JsonWebKey};
use usher_runtime::SealingKey;
use usher_runtime::service_token::read_signing_key;

use super::{claims, get, row};
use crate::support::people::Person;
use crate::support::refusal::refused;

async fn published() -> Vec<JsonWebKey> {
    let answer = Caller::nobody().identity().get_json_web_keys(GetJsonWebKeysRequest {}).await;
    answer.expect("anybody gets them").into_inner().keys
}

/// The key that signs, read from where identity keeps it.
async fn signing_key() -> (String, EncodingKey) {
    let row = row("SELECT kid, sealed_private_key FROM signing_key WHERE signs = $1", [true.into()]).await;
    let sealing = std::fs::read_to_string(current().folder.join("keys/seal.key")).unwrap();
    let sealing = SealingKey::from_base64(&sealing.into()).unwrap();
    let sealed: String = row.try_get("", "sealed_private_key").unwrap();
    let private = sealing.open("signing key", &sealed).expect("it was sealed with this key");
    (row.try_get("", "kid").unwrap(), ed25519(&private))
}

/// A private key of 32 bytes.
fn ed25519(private: &[u8]) -> EncodingKey {
    // What stands before the bytes in PKCS #8 (RFC 8410 §7).
    const BEFORE: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    EncodingKey::from_ed_der(&[&BEFORE, private].concat())
}

/// What somebody forges: a good token of a person, of which each test changes something.
struct Forgery {
    header: Header,
    claims: Json,
    key: EncodingKey,
}

impl Forgery {
    /// By the real key, and the same as the real one.
    async fn new() -> Self {
        let good = Person::new("mira").await.credentials.access_token;
        let (kid, key) = signing_key().await;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(kid);
        Self { header, claims: claims(&good), key }
    }

    fn token(&self) -> String {
        jsonwebtoken::encode(&self.header, &self.claims, &self.key).expect("it can be signed")
    }
}

async fn refused_token(token: &str, reason: &str) {
    let answer = get(&Caller::nobody().bearing(token), "users/me").await;
    refused(answer, Code::Unauthenticated, reason);
}

#[tokio::test]
async fn publishes_the_keys_that_verify_access_tokens() {
    let mira = Person::new("mira").await;
    let token = &mira.credentials.access_token;
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));

    let keys = published().await;
    let key = keys.iter().find(|key| Some(&key.kid) == header.kid.as_ref()).expect("it is published");
    let kind = [&key.kty, &key.crv, &key.alg, &key.r#use];
    assert_eq!(kind, ["OKP", "Ed25519", "EdDSA", "sig"]);
    assert_eq!(URL_SAFE_NO_PAD.decode(&key.x).unwrap().len(), 32);
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["usher"]);
    validation.set_issuer(&["https://usher.test"]);
    let verifying = DecodingKey::from_ed_components(&key.x).unwrap();
    let decoded = jsonwebtoken::decode::<Json>(token, &verifying, &validation).unwrap();
    assert_eq!(decoded.claims["sub"], mira.name.trim_start_matches("users/"));
}

#[tokio::test]
async fn publishes_the_same_keys_each_time() {
    let keys = published().await;
    assert!(!keys.is_empty());
    assert_eq!(published().await, keys);
}

#[tokio::test]
async fn a_token_by_a_published_key_must_say_for_whom_by_whom_and_until_when() {
    let good = Forgery::new().await;
    get(&Caller::nobody().bearing(&good.token()), "users/me").await.expect("nothing was changed");
    let now = good.claims["iat"].as_i64().unwrap();
    for (claim, value, reason) in [
        ("aud", json!("somebody"), "TOKEN_INVALID"),
        ("iss", json!("https://somebody.test"), "TOKEN_INVALID"),
        ("iss", json!("usher/tests"), "TOKEN_INVALID"),
        ("exp", json!(now - 60), "TOKEN_EXPIRED"),
        ("nbf", json!(now + 600), "TOKEN_INVALID"),
        ("sub", json!("mira"), "TOKEN_INVALID"),
        ("platform_admin", json!("yes"), "TOKEN_INVALID"),
    ] {
        let mut claims = good.claims.clone();
        claims[claim] = value;
        let header = good.header.clone();
        refused_token(&Forgery { header, claims, key: good.key.clone() }.token(), reason).await;
    }
    for claim in ["aud", "iss", "exp", "sub", "sid", "platform_admin"] {
        let mut claims = good.claims.clone();
        claims.as_object_mut().unwrap().remove(claim);
        let header = good.header.clone();
        refused_token(&Forgery { header, claims, key: good.key.clone() }.token(), "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_token_of_another_type_is_no_access_token() {
    let mut forgery = Forgery::new().await;
    for kind in [Some("JWT"), Some("id+jwt"), None] {
        forgery.header.typ = kind.map(str::to_owned);
        refused_token(&forgery.token(), "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_token_by_another_key_or_under_another_name_is_refused() {
    let mut forgery = Forgery::new().await;
    let kid = forgery.header.kid.replace("nobody".to_owned());
    refused_token(&forgery.token(), "TOKEN_INVALID").await;
    forgery.header.kid = None;
    refused_token(&forgery.token(), "TOKEN_INVALID").await;
    forgery.header.kid = kid;
    forgery.key = ed25519(&[7; 32]);
    refused_token(&forgery.token(), "TOKEN_INVALID").await;
    let of_services = read_signing_key(&current().tests_key).unwrap();
    forgery.key = ed25519(of_services.as_bytes());
    refused_token(&forgery.token(), "TOKEN_INVALID").await;
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    let mut forgery = Forgery::new().await;
    let key =
        published().await.into_iter().find(|key| Some(&key.kid) == forgery.header.kid.as_ref()).unwrap();
    forgery.header.alg = Algorithm::HS256;
    for secret in [key.x.clone().into_bytes(), URL_SAFE_NO_PAD.decode(&key.x).unwrap()] {
        forgery.key = EncodingKey::from_secret(&secret);
        refused_token(&forgery.token(), "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let forgery = Forgery::new().await;
    let encode = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let payload = encode(&forgery.claims);
    for algorithm in ["none", "None", "EdDSA"] {
        let header = encode(&json!({"alg": algorithm, "typ": "at+jwt", "kid": forgery.header.kid}));
        refused_token(&format!("{header}.{payload}."), "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_token_that_was_changed_is_refused() {
    let forgery = Forgery::new().await;
    let good = forgery.token();
    let parts: Vec<_> = good.split('.').collect();
    let mut claims = forgery.claims.clone();
    claims["platform_admin"] = json!(true);
    let promoted = URL_SAFE_NO_PAD.encode(claims.to_string());
    refused_token(&format!("{}.{promoted}.{}", parts[0], parts[2]), "TOKEN_INVALID").await;
}
