//! What is asked of an identity provider, and what of its answers is believed.

use chrono::DateTime;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IssuerUrl, LocalizedClaim, Nonce, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError,
    Scope, TokenResponse as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use usher_runtime::{EmailAddress, Failure};

use super::state::Secrets;
use crate::Identity;
use crate::entity::connection::Model;
use crate::error::Error;

/// The signatures that are believed: by a key that the provider publishes, never by the client secret, and never none.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The longest `sub` of OpenID Connect.
const LONGEST_SUBJECT: usize = 255;
const LONGEST_NAME: usize = 200;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider as it describes itself at this moment, its keys included.
pub(crate) struct Provider<'a> {
    service: &'a Identity,
    connection: &'a Model,
    client: Client,
}

/// Somebody whom a provider vouches for.
pub(crate) struct Arrival {
    /// What the provider calls him, for ever.
    pub(crate) subject: String,
    /// His address, if the provider says that it verified it.
    pub(crate) email: Option<EmailAddress>,
    pub(crate) full_name: String,
}

/// What client secrets are sealed for.
pub(crate) const SECRET_PURPOSE: &str = "client secret";

impl<'a> Provider<'a> {
    /// Asks the provider of `connection` how it is to be spoken to.
    ///
    /// # Errors
    /// [`Error::ConnectionUnavailable`], [`Error::ProviderUnavailable`]
    pub(crate) async fn discover(service: &'a Identity, connection: &'a Model) -> Result<Self, Error> {
        let config = &service.config.single_sign_on;
        let redirect_uri = config.redirect_uri.clone();
        let redirect_uri = redirect_uri.ok_or(Error::ConnectionUnavailable(connection.name()))?;
        let issuer = IssuerUrl::new(connection.issuer.clone()).map_err(Failure::internal)?;
        let http = |request| Box::pin(service.web.clone().send(request));
        let described = CoreProviderMetadata::discover_async(issuer, &http).await;
        let described = described.map_err(|error| unavailable(connection, &error))?;
        let posts = posts_secret(&described);
        let secret = service.sealing.open(SECRET_PURPOSE, &connection.sealed_client_secret);
        let secret = secret.and_then(|secret| String::from_utf8(secret).ok());
        let secret = secret
            .ok_or_else(|| Failure::internal("a client secret was sealed with another secrets.seal_key"))?;
        let id = ClientId::new(connection.client_id.clone());
        let mut client = CoreClient::from_provider_metadata(described, id, Some(ClientSecret::new(secret)))
            .set_redirect_uri(redirect_uri);
        if posts {
            client = client.set_auth_type(AuthType::RequestBody);
        }
        Ok(Self { service, connection, client })
    }

    /// Where the person goes.
    pub(crate) fn authorization_uri(&self, state: &SecretString, secrets: &Secrets) -> String {
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let (state, nonce) = (state.expose_secret().to_owned(), secrets.nonce.clone());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = self.client.authorize_url(
            flow,
            move || CsrfToken::new(state.clone()),
            move || Nonce::new(nonce.clone()),
        );
        let (uri, _, _) = request
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        uri.into()
    }

    /// Who the person is that came back with `code`.
    ///
    /// # Errors
    /// [`Error::ProviderRefused`], [`Error::ProviderUnavailable`]
    pub(crate) async fn identify(&self, code: &SecretString, secrets: Secrets) -> Result<Arrival, Error> {
        let code = AuthorizationCode::new(code.expose_secret().to_owned());
        let exchange =
            self.client.exchange_code(code).map_err(|error| unavailable(self.connection, &error))?;
        let http = |request| Box::pin(self.service.web.clone().send(request));
        let answer = exchange
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier))
            .request_async(&http)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(answer) => self.refused(&format!("{:?}", answer.error())),
                other => unavailable(self.connection, &other),
            })?;
        let token = answer.id_token().ok_or_else(|| self.refused("no ID token came"))?;
        let now = self.service.clock.now().unix_seconds();
        let now = DateTime::from_timestamp(now, 0).unwrap_or_default();
        let verifier = self.client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(move || now);
        let claims = token.claims(&verifier, &Nonce::new(secrets.nonce));
        let claims = claims.map_err(|error| self.refused(&error.to_string()))?;
        read(claims).ok_or_else(|| self.refused("the subject is empty or too long"))
    }

    fn refused(&self, why: &str) -> Error {
        tracing::warn!(connection = %self.connection.name(), why, "a sign-in by connection {} failed", self.connection.id);
        Error::ProviderRefused(self.connection.name())
    }
}

fn unavailable(connection: &Model, error: &dyn std::error::Error) -> Error {
    let why = error.source().map_or_else(String::new, |source| format!(": {source}"));
    tracing::warn!(connection = %connection.name(), "the provider of connection {} failed: {error}{why}", connection.id);
    Error::ProviderUnavailable(connection.name())
}

/// Whether the provider takes the client secret in the body alone; without a word it takes it in the header.
fn posts_secret(described: &CoreProviderMetadata) -> bool {
    let methods = described.token_endpoint_auth_methods_supported();
    methods.is_some_and(|methods| {
        methods.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
    })
}

/// What verified claims say. `None` if they name nobody whom a row could name.
fn read(claims: &CoreIdTokenClaims) -> Option<Arrival> {
    let subject = claims.subject().as_str();
    if !(1..=LONGEST_SUBJECT).contains(&subject.len()) {
        return None;
    }
    let verified = claims.email_verified() == Some(true);
    let email = claims.email().filter(|_| verified).and_then(|email| email.as_str().parse().ok());
    Some(Arrival { subject: subject.to_owned(), full_name: full_name(claims, email.as_ref()), email })
}

/// What the provider calls him, else what is before the `@`. Providers let people type anything.
fn full_name(claims: &CoreIdTokenClaims, email: Option<&EmailAddress>) -> String {
    let parts = [claims.given_name().and_then(told), claims.family_name().and_then(told)];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = claims.name().and_then(told).unwrap_or(parts);
    let local = email.and_then(|email| email.typed().split('@').next()).unwrap_or_default();
    let name = if name.is_empty() { local.to_owned() } else { name };
    name.chars().take(LONGEST_NAME).collect::<String>().trim().to_owned()
}

/// A claim in its first language, without control characters.
fn told<T: std::ops::Deref<Target = String>>(claim: &LocalizedClaim<T>) -> Option<String> {
    let text = claim.get(None).or_else(|| claim.iter().next().map(|(_, text)| text))?;
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
