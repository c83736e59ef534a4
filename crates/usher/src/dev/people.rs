//! The people of the story.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::Request;
use usher_api::identity::AuthenticateRequest;
use usher_api::invitation::{AcceptInvitationRequest, Invitation, Registration};
use usher_runtime::Random;

use super::api::{Api, signed};
use super::story::Unexpected;

/// What somebody signs in with.
pub struct Credentials {
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// Somebody who is signed in.
pub struct Person {
    /// What the story calls him.
    pub name: &'static str,
    /// The address.
    pub email: String,
    /// The account, `users/{user}`.
    pub user: String,
    /// The access token.
    pub token: SecretString,
}

/// The terms of service that everybody in the story accepts.
pub const TERMS: &str = "2026-01";

impl Person {
    /// Signs in.
    pub async fn sign_in(api: &Api, name: &'static str, with: &Credentials) -> Result<Self, Unexpected> {
        let (email, password) = (with.email.clone(), with.password.expose_secret().to_owned());
        let request = AuthenticateRequest { email: email.clone(), password, device: "usher dev".to_owned() };
        let answer = api.identity().authenticate(request).await?.into_inner();
        let credentials = answer.credentials.ok_or_else(|| Unexpected::missing("credentials"))?;
        Ok(Self { name, email, user: credentials.user, token: credentials.access_token.into() })
    }

    /// Registers through a mailed link, which accepts the invitation, and signs in.
    pub async fn register(
        api: &Api,
        random: &Random,
        name: &'static str,
        email: &str,
        token: String,
    ) -> Result<(Self, Invitation), Unexpected> {
        let with = Credentials { email: email.to_owned(), password: password(random) };
        let registration = Some(registration(name, &with.password));
        let request = AcceptInvitationRequest { token, registration, ..AcceptInvitationRequest::default() };
        let answer = api.invitation().accept_invitation(request).await?.into_inner();
        let invitation = answer.invitation.ok_or_else(|| Unexpected::missing("invitation"))?;
        Ok((Self::sign_in(api, name, &with).await?, invitation))
    }

    /// `message` from this person.
    pub fn says<M>(&self, message: M) -> Request<M> {
        signed(&self.token, message)
    }
}

/// What a new person enters.
pub fn registration(name: &str, password: &SecretString) -> Registration {
    Registration {
        full_name: name.to_owned(),
        password: password.expose_secret().to_owned(),
        terms_version: TERMS.to_owned(),
        ..Registration::default()
    }
}

/// A password that nobody knows.
pub fn password(random: &Random) -> SecretString {
    URL_SAFE_NO_PAD.encode(random.bytes::<18>()).into()
}
