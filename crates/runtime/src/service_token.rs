//! How a process proves to its neighbours which service it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::trust::{TrustedIssuer, VerifyingKey};
use crate::{Clock, Failure, Random, Timestamp};

/// `[trust.own_token]`: a token file or a signing key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OwnTokenConfig {
    /// A file that always holds a fresh token, such as a projected Kubernetes service-account token. Read at every use.
    pub token_file: Option<PathBuf>,
    /// A private Ed25519 key in PKCS#8 PEM, of `usher keys generate`, with which the process signs its own tokens.
    pub signing_key_file: Option<PathBuf>,
    /// With `signing_key_file`: the claim `iss`, under which the neighbours trust the public key.
    pub issuer: Option<String>,
}

/// Makes the tokens of the services in this process. Clones share the cache.
#[derive(Clone)]
pub struct ServiceTokens {
    source: Arc<Source>,
    made: Arc<Mutex<HashMap<String, (SecretString, Timestamp)>>>,
}

enum Source {
    File(PathBuf),
    Key(Signer),
}

/// Signs service tokens.
pub struct Signer {
    key: EncodingKey,
    kid: String,
    issuer: String,
    audience: String,
    clock: Clock,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

const LIFE: Duration = Duration::from_mins(10);

impl ServiceTokens {
    /// Reads what `config` names.
    pub fn load(config: &OwnTokenConfig, audience: &str, clock: Clock) -> Result<Self, String> {
        match (&config.token_file, &config.signing_key_file, &config.issuer) {
            (Some(file), None, None) => Ok(Self::from(Source::File(file.clone()))),
            (None, Some(file), Some(issuer)) => {
                let key = read_signing_key(file)?;
                Ok(Self::from(Source::Key(Signer::new(&key, issuer, audience, clock)?)))
            }
            _ => Err("trust.own_token: set either token_file, or signing_key_file and issuer".to_owned()),
        }
    }

    /// Tokens by `key`, and the trust that others need to believe them: every subject is the service of that name.
    pub fn embedded(key: &SigningKey, audience: &str, clock: Clock) -> Result<(Self, TrustedIssuer), String> {
        const ISSUER: &str = "usher/embedded";
        let signer = Signer::new(key, ISSUER, audience, clock)?;
        let x = public_key(key);
        let verifying = VerifyingKey::ed25519(&signer.kid, &x).map_err(|error| error.to_string())?;
        let trusted = TrustedIssuer { issuer: ISSUER.to_owned(), keys: vec![verifying], services: None };
        Ok((Self::from(Source::Key(signer)), trusted))
    }

    /// A token that says: I am `service`. At least half of its life is left.
    pub fn token(&self, service: &str) -> Result<SecretString, Failure> {
        let signer = match &*self.source {
            Source::File(file) => {
                let text = std::fs::read_to_string(file).map_err(Failure::internal)?;
                return Ok(text.trim().to_owned().into());
            }
            Source::Key(signer) => signer,
        };
        let now = signer.clock.now();
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((token, _)) = made.get(service).filter(|(_, until)| *until > now) {
            return Ok(token.clone());
        }
        let token = signer.sign(service)?;
        made.insert(service.to_owned(), (token.clone(), now.after(LIFE / 2)));
        Ok(token)
    }
}

impl From<Source> for ServiceTokens {
    fn from(source: Source) -> Self {
        Self { source: Arc::new(source), made: Arc::default() }
    }
}

impl Signer {
    /// Signs by `key` as `issuer` for `audience`.
    pub fn new(key: &SigningKey, issuer: &str, audience: &str, clock: Clock) -> Result<Self, String> {
        let der = key.to_pkcs8_der().map_err(|error| error.to_string())?;
        Ok(Self {
            key: EncodingKey::from_ed_der(der.as_bytes()),
            kid: key_id(key),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            clock,
        })
    }

    /// A token that says: I am `service`, for ten minutes.
    pub fn sign(&self, service: &str) -> Result<SecretString, Failure> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let now = self.clock.now();
        let claims = Claims {
            iss: &self.issuer,
            sub: service,
            aud: &self.audience,
            iat: now.unix_seconds(),
            exp: now.after(LIFE).unix_seconds(),
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map(SecretString::from).map_err(Failure::internal)
    }
}

/// A new Ed25519 key.
#[must_use]
pub fn generate_signing_key(random: &Random) -> SigningKey {
    SigningKey::from_bytes(&random.bytes())
}

/// The key in a PKCS#8 PEM file.
pub fn read_signing_key(file: &Path) -> Result<SigningKey, String> {
    let fail = |what: String| format!("signing key {}: {what}", file.display());
    let pem = std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
    let pem = SecretString::from(pem);
    SigningKey::from_pkcs8_pem(pem.expose_secret()).map_err(|error| fail(error.to_string()))
}

/// The public half in base64url, the `x` of a JSON Web Key.
#[must_use]
pub fn public_key(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())
}

/// A name for the key that follows from it: the beginning of its public half's hash.
#[must_use]
pub fn key_id(key: &SigningKey) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(key.verifying_key().as_bytes());
    URL_SAFE_NO_PAD.encode(&hash[..12])
}
