//! Whose tokens are believed. Every service verifies every token by itself; peer addresses and forwarded headers prove nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use usher_api::name::{PrincipalName, UserName};
use uuid::Uuid;

use crate::user_keys::UserKeys;
use crate::{ApiKeys, Clock, Failure, SignedIn, api_key};

/// `[trust]`: whose tokens this process believes, and how it proves who it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// The audience that every token must name.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// The issuer of people's access tokens: the URL that identity puts into each, under which others reach it. Verifiers that
    /// do not speak gRPC find the keys below it, at `/.well-known/openid-configuration`.
    #[serde(default = "default_user_issuer")]
    pub user_issuer: String,
    /// How long this process keeps the keys of people's tokens before it asks identity for them again: as long a revoked key
    /// works on, here and wherever they are kept over HTTP. 1 second to 5 minutes.
    #[serde(
        default = "default_user_keys_max_age",
        serialize_with = "humantime_serde::serialize",
        deserialize_with = "user_keys_max_age"
    )]
    pub user_keys_max_age: Duration,
    /// Who issues service tokens.
    #[serde(default)]
    pub issuers: Vec<IssuerConfig>,
    /// How this process proves which service it is. May be absent only if all services run in it.
    pub own_token: Option<crate::service_token::OwnTokenConfig>,
}

fn default_audience() -> String {
    "usher".to_owned()
}

fn default_user_issuer() -> String {
    "http://localhost/usher".to_owned()
}

fn default_user_keys_max_age() -> Duration {
    Duration::from_secs(30)
}

fn user_keys_max_age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let age: Duration = humantime_serde::deserialize(deserializer)?;
    if (Duration::from_secs(1)..=Duration::from_mins(5)).contains(&age) {
        return Ok(age);
    }
    Err(D::Error::custom("must be 1 second to 5 minutes"))
}

impl Default for TrustConfig {
    fn default() -> Self {
        Self {
            audience: default_audience(),
            user_issuer: default_user_issuer(),
            user_keys_max_age: default_user_keys_max_age(),
            issuers: Vec::new(),
            own_token: None,
        }
    }
}

/// `[[trust.issuers]]`: somebody who issues service tokens, such as a Kubernetes cluster or `usher keys generate`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The claim `iss` of its tokens.
    pub issuer: String,
    /// A JSON Web Key Set with its public keys: Ed25519, RSA (RS256) or P-256 (ES256).
    pub jwks_file: PathBuf,
    /// Which service a subject stands for. Other subjects are refused.
    pub services: HashMap<String, String>,
}

/// A public key and the one algorithm that it is believed with, whatever a token's header says.
#[derive(Clone)]
pub struct VerifyingKey {
    /// The id that tokens name.
    pub kid: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// An Ed25519 key from its base64url `x`.
    pub fn ed25519(kid: &str, x: &str) -> Result<Self, Failure> {
        let key = DecodingKey::from_ed_components(x).map_err(Failure::internal)?;
        Ok(Self { kid: kid.to_owned(), algorithm: Algorithm::EdDSA, key })
    }

    /// A key of a set. `None` for kinds of keys that are not believed.
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            _ => return None,
        };
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { kid: jwk.common.key_id.clone()?, algorithm, key })
    }
}

/// Somebody whose service tokens are believed.
pub struct TrustedIssuer {
    /// The claim `iss`.
    pub issuer: String,
    /// The public keys.
    pub keys: Vec<VerifyingKey>,
    /// Which service a subject stands for; `None` admits every subject as the service of that name.
    pub services: Option<HashMap<String, String>>,
}

impl TrustedIssuer {
    /// Reads the key set that `config` names.
    pub fn load(config: &IssuerConfig) -> Result<Self, String> {
        let file = config.jwks_file.display();
        let fail = |what: String| format!("trust.issuers of `{}`: jwks_file {file}: {what}", config.issuer);
        let text = std::fs::read_to_string(&config.jwks_file).map_err(|error| fail(error.to_string()))?;
        let set: JwkSet = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
        let keys: Vec<_> = set.keys.iter().filter_map(VerifyingKey::from_jwk).collect();
        if keys.is_empty() {
            return Err(fail("holds no usable key with a `kid`".to_owned()));
        }
        Ok(Self { issuer: config.issuer.clone(), keys, services: Some(config.services.clone()) })
    }

    fn service(&self, subject: &str) -> Option<String> {
        match &self.services {
            Some(services) => services.get(subject).cloned(),
            None => Some(subject.to_owned()),
        }
    }
}

/// Whom a token stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person.
    Person(SignedIn),
    /// A program: an API key, or the service account that it is of.
    Program(PrincipalName),
    /// A service.
    Service(String),
}

/// Verifies tokens of people and of services, and API keys.
pub struct Trust {
    audience: String,
    user_issuer: String,
    user_keys: UserKeys,
    api_keys: ApiKeys,
    issuers: Vec<TrustedIssuer>,
    clock: Clock,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

#[derive(Deserialize)]
struct ServiceClaims {
    sub: String,
}

/// What identity writes into every access token. A token in which one is missing or of another kind is not of its making.
#[derive(Deserialize)]
struct PersonClaims {
    sub: Uuid,
    sid: Uuid,
    platform_admin: bool,
    iat: i64,
    #[expect(dead_code, reason = "required, and nothing more")]
    jti: Uuid,
    #[expect(
        dead_code,
        reason = "one, which was compared already: a list would make the token one for others, too"
    )]
    aud: String,
}

/// The `typ` of access tokens (RFC 9068): another token of the same issuer, such as an ID token, is not one.
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// How far clocks of machines may differ.
const LEEWAY_SECONDS: u32 = 5;

impl Trust {
    /// Believes people's tokens of `config.user_issuer`, verified by `user_keys`, API keys that `api_keys` knows, and service tokens
    /// of `issuers`.
    ///
    /// # Errors
    /// An empty audience or issuer would match tokens that were made for others.
    pub fn new(
        config: &TrustConfig,
        user_keys: UserKeys,
        api_keys: ApiKeys,
        issuers: Vec<TrustedIssuer>,
        clock: Clock,
    ) -> Result<Self, String> {
        if config.audience.is_empty() || config.user_issuer.is_empty() {
            return Err("trust.audience and trust.user_issuer must not be empty".to_owned());
        }
        let (audience, user_issuer) = (config.audience.clone(), config.user_issuer.clone());
        Ok(Self { audience, user_issuer, user_keys, api_keys, issuers, clock })
    }

    /// Whom `token` stands for, after checking signature, issuer, audience, type, expiry and that every claim is there; of an API
    /// key, after asking.
    pub async fn verify(&self, token: &str) -> Result<Principal, Failure> {
        if token.starts_with(api_key::PREFIX) {
            return self.api_keys.verify(token).await.map(Principal::Program);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Failure::TokenInvalid)?;
        if asks_for_more(&header) {
            return Err(Failure::TokenInvalid);
        }
        let issuer = claimed_issuer(token).ok_or(Failure::TokenInvalid)?;
        let kid = header.kid.as_deref().ok_or(Failure::TokenInvalid)?;
        if issuer == self.user_issuer {
            if header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
                return Err(Failure::TokenInvalid);
            }
            let key = self.user_keys.find(kid).await?.ok_or(Failure::TokenInvalid)?;
            let claims: PersonClaims = self.claims(token, &issuer, &key)?;
            if claims.iat > self.clock.now().unix_seconds().saturating_add(LEEWAY_SECONDS.into()) {
                return Err(Failure::TokenInvalid);
            }
            let (user, platform_admin) = (UserName(claims.sub), claims.platform_admin);
            return Ok(Principal::Person(SignedIn { user, session: claims.sid, platform_admin }));
        }
        let trusted =
            self.issuers.iter().find(|trusted| trusted.issuer == issuer).ok_or(Failure::TokenInvalid)?;
        let key = trusted.keys.iter().find(|key| key.kid == kid).ok_or(Failure::TokenInvalid)?;
        let claims: ServiceClaims = self.claims(token, &issuer, key)?;
        trusted.service(&claims.sub).map(Principal::Service).ok_or(Failure::TokenInvalid)
    }

    fn claims<C: serde::de::DeserializeOwned>(
        &self,
        token: &str,
        issuer: &str,
        key: &VerifyingKey,
    ) -> Result<C, Failure> {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_SECONDS.into();
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let decoded = jsonwebtoken::decode::<C>(token, &key.key, &validation);
        decoded.map(|data| data.claims).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::ExpiredSignature => Failure::TokenExpired,
            kind => {
                tracing::debug!(?kind, "token refused");
                Failure::TokenInvalid
            }
        })
    }
}

/// Whether the header brings a key of its own, which we would never use, or says that it must not be believed without
/// understanding something, which we do not (RFC 7515 §4.1.11). Nobody whom we trust writes such tokens.
fn asks_for_more(header: &Header) -> bool {
    let brings_key =
        header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some();
    brings_key || header.crit.is_some()
}

/// The issuer that a token names, to choose the key by. Nothing is believed yet.
fn claimed_issuer(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok().map(|claims| claims.iss)
}
