//! Access tokens that somebody made up, or changed. Each is wrong in one respect, and signed by the real key unless that is it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use sandbox::{Caller, current};
use serde_json::{Value as Json, json};
use tonic::Code;
use usher_runtime::service_token::{generate_signing_key, key_id, public_key, read_signing_key};
use usher_runtime::{Clock, Random, SealingKey};

use super::{change_row, claims, get, published, row};
use crate::support::people::Person;
use crate::support::refusal::refused;

/// A good token of a person, of which each test changes something.
#[derive(Clone)]
pub struct Forgery {
    header: Json,
    claims: Json,
    key: EncodingKey,
}

impl Forgery {
    /// By the real key, and the same as the real one.
    async fn new() -> Self {
        // The first key is made when somebody signs in first.
        let good = Person::new("mira").await;
        let (kid, key) = signing_key().await;
        Self::by(&kid, key, &good)
    }

    /// By a key that was replaced an hour ago and retires in an hour.
    pub async fn by_a_retiring_key() -> Self {
        let good = Person::new("mira").await;
        let key = generate_signing_key(&Random::system());
        let (kid, now) = (key_id(&key), Clock::system().now().0);
        let insert = "INSERT INTO signing_key \
            (kid, public_key, sealed_private_key, signs, create_time, sign_time, retire_time) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let times = [0_i64.into(), 0_i64.into(), (now + 3_600_000_000).into()];
        let [create, sign, retire] = times;
        let values =
            [kid.as_str().into(), public_key(&key).into(), "".into(), false.into(), create, sign, retire];
        change_row(insert, values).await;
        Self::by(&kid, ed25519(key.as_bytes()), &good)
    }

    fn by(kid: &str, key: EncodingKey, good: &Person) -> Self {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid});
        Self { header, claims: claims(&good.credentials.access_token), key }
    }

    /// The key that the header names.
    pub fn kid(&self) -> &str {
        self.header["kid"].as_str().unwrap_or_default()
    }

    /// The token, signed by the key whatever the header says.
    pub fn token(&self) -> String {
        self.signed_as(Algorithm::EdDSA)
    }

    fn signed_as(&self, algorithm: Algorithm) -> String {
        let message = format!("{}.{}", encode(&self.header), encode(&self.claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, algorithm);
        format!("{message}.{}", signature.expect("it can be signed"))
    }

    /// The same with another value in the header.
    fn with_header(&self, name: &str, value: Json) -> Self {
        let mut changed = self.clone();
        changed.header[name] = value;
        changed
    }

    /// The same with another claim.
    fn with_claim(&self, name: &str, value: Json) -> Self {
        let mut changed = self.clone();
        changed.claims[name] = value;
        changed
    }
}

fn encode(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
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

async fn refused_token(token: &str, what: &str) {
    refused_token_as(token, what, "TOKEN_INVALID").await;
}

async fn refused_token_as(token: &str, what: &str, reason: &str) {
    let answer = get(&Caller::nobody().bearing(token), "users/me").await;
    assert!(answer.is_err(), "accepted with {what}");
    refused(answer, Code::Unauthenticated, reason);
}

#[tokio::test]
async fn nothing_else_is_wrong_with_them() {
    let good = Forgery::new().await;
    get(&Caller::nobody().bearing(&good.token()), "users/me").await.expect("nothing was changed");
    let also_good = good.with_claim("nbf", good.claims["iat"].clone()).with_claim("more", json!("is said"));
    get(&Caller::nobody().bearing(&also_good.token()), "users/me").await.expect("more may be said");
}

#[tokio::test]
async fn every_claim_must_be_there() {
    let good = Forgery::new().await;
    for claim in ["iss", "sub", "aud", "iat", "exp", "jti", "sid", "platform_admin"] {
        let mut forgery = good.clone();
        forgery.claims.as_object_mut().unwrap().remove(claim).expect("it is there");
        refused_token(&forgery.token(), &format!("no {claim}")).await;
    }
}

#[tokio::test]
async fn every_claim_must_be_of_its_kind() {
    let good = Forgery::new().await;
    let ids = [json!("mira"), json!(""), json!(7), json!(true)];
    let flags = [json!("true"), json!(""), json!(0), json!(1)];
    let times = [json!("9999999999"), json!(""), json!(true), json!(-1e300)];
    let texts = [json!(7), json!(true)];
    for (claim, wrong) in [
        ("sub", &ids[..]),
        ("sid", &ids),
        ("jti", &ids),
        ("platform_admin", &flags),
        ("iat", &times),
        ("exp", &times),
        ("nbf", &times),
        ("aud", &texts),
        ("iss", &texts),
    ] {
        let never = [json!(null), json!([]), json!({}), json!([good.claims[claim]]), json!([null])];
        for value in wrong.iter().chain(&never) {
            let what = format!("{claim} {value}");
            refused_token(&good.with_claim(claim, value.clone()).token(), &what).await;
        }
    }
}

#[tokio::test]
async fn it_must_be_for_us_alone_and_by_the_issuer() {
    let good = Forgery::new().await;
    for (claim, value) in [
        ("aud", json!("somebody")),
        ("aud", json!("")),
        ("aud", json!("Usher")),
        ("aud", json!(["usher", "somebody"])),
        ("aud", json!(["somebody"])),
        ("iss", json!("https://somebody.test")),
        ("iss", json!("https://usher.test/")),
        ("iss", json!("")),
        // Trusted to speak for services.
        ("iss", json!("usher/tests")),
        ("iss", json!(["https://usher.test", "https://somebody.test"])),
    ] {
        refused_token(&good.with_claim(claim, value.clone()).token(), &format!("{claim} {value}")).await;
    }
}

#[tokio::test]
async fn it_is_good_in_its_time_only() {
    let good = Forgery::new().await;
    let now = good.claims["iat"].as_i64().unwrap();
    refused_token_as(&good.with_claim("exp", json!(now - 60)).token(), "a past exp", "TOKEN_EXPIRED").await;
    refused_token_as(&good.with_claim("exp", json!(0)).token(), "exp 0", "TOKEN_EXPIRED").await;
    for claim in ["nbf", "iat"] {
        refused_token(&good.with_claim(claim, json!(now + 600)).token(), &format!("{claim} to come")).await;
    }
}

#[tokio::test]
async fn a_token_of_another_type_is_no_access_token() {
    let good = Forgery::new().await;
    for value in [json!("JWT"), json!("id+jwt"), json!(""), json!(null), json!(7)] {
        refused_token(&good.with_header("typ", value.clone()).token(), &format!("typ {value}")).await;
    }
    let mut forgery = good.clone();
    forgery.header.as_object_mut().unwrap().remove("typ");
    refused_token(&forgery.token(), "no typ").await;
}

#[tokio::test]
async fn a_token_by_another_key_or_under_another_name_is_refused() {
    let good = Forgery::new().await;
    for value in [json!("nobody"), json!(""), json!(null), json!(7), json!([good.kid()])] {
        refused_token(&good.with_header("kid", value.clone()).token(), &format!("kid {value}")).await;
    }
    let mut forgery = good.clone();
    forgery.header.as_object_mut().unwrap().remove("kid");
    refused_token(&forgery.token(), "no kid").await;

    let of_services = read_signing_key(&current().tests_key).unwrap();
    for private in [&[7; 32], of_services.as_bytes()] {
        let forgery = Forgery { key: ed25519(private), ..good.clone() };
        refused_token(&forgery.token(), "another key").await;
    }
    // Believed by its own name, but not for people.
    let forgery = Forgery {
        key: ed25519(of_services.as_bytes()),
        ..good.with_header("kid", key_id(&of_services).into())
    };
    refused_token(&forgery.token(), "the key of a service").await;
}

#[tokio::test]
async fn the_algorithm_is_that_of_the_key_whatever_the_header_says() {
    let good = Forgery::new().await;
    for algorithm in
        ["none", "None", "", "ES256", "ES384", "RS256", "PS256", "HS256", "eddsa", "Ed25519", "Ed448"]
    {
        let forgery = good.with_header("alg", json!(algorithm));
        refused_token(&forgery.token(), &format!("alg {algorithm}")).await;
        let unsigned = forgery.token();
        let unsigned = unsigned.rsplit_once('.').unwrap().0;
        refused_token(&format!("{unsigned}."), &format!("alg {algorithm} and no signature")).await;
    }
    for value in [json!(null), json!(7), json!(["EdDSA"])] {
        refused_token(&good.with_header("alg", value.clone()).token(), &format!("alg {value}")).await;
    }
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    let good = Forgery::new().await;
    let key = published().await.into_iter().find(|key| key.kid == good.kid()).unwrap();
    for secret in [key.x.clone().into_bytes(), URL_SAFE_NO_PAD.decode(&key.x).unwrap()] {
        let mut forgery = good.with_header("alg", json!("HS256"));
        forgery.key = EncodingKey::from_secret(&secret);
        refused_token(&forgery.signed_as(Algorithm::HS256), "the public key as a secret").await;
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_no_key() {
    let good = Forgery::new().await;
    let own = generate_signing_key(&Random::system());
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "x": public_key(&own), "kid": good.kid(), "alg": "EdDSA"});
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://somebody.test/jwks.json")),
        ("x5u", json!("https://somebody.test/key.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        let forgery = Forgery { key: ed25519(own.as_bytes()), ..good.with_header(name, value.clone()) };
        refused_token(&forgery.token(), name).await;
        // Nobody who signs by the real key writes that.
        refused_token(&good.with_header(name, value).token(), name).await;
    }
}

#[tokio::test]
async fn what_must_be_understood_is_not_passed_over() {
    let good = Forgery::new().await;
    for crit in [json!(["exp"]), json!(["b64"]), json!(["unheard-of"]), json!([]), json!("exp")] {
        let forgery = good.with_header("b64", json!(true)).with_header("unheard-of", json!(1));
        refused_token(&forgery.with_header("crit", crit.clone()).token(), &format!("crit {crit}")).await;
    }
}

#[tokio::test]
async fn a_token_that_was_changed_is_refused() {
    let good = Forgery::new().await;
    let token = good.token();
    let parts: Vec<_> = token.split('.').collect();
    let promoted = encode(&good.with_claim("platform_admin", json!(true)).claims);
    refused_token(&format!("{}.{promoted}.{}", parts[0], parts[2]), "other claims").await;
    let renamed = encode(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": good.kid(), "more": 1}));
    refused_token(&format!("{renamed}.{}.{}", parts[1], parts[2]), "another header").await;
    for cut in [format!("{}.{}", parts[0], parts[1]), format!("{token}."), format!("{token}.x")] {
        refused_token(&cut, "parts that are too many or too few").await;
    }
}
