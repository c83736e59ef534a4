//! What authenticators are asked, and what of their answers is believed. The library judges by the standard; it draws the challenges
//! itself, from the system's generator.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use usher_runtime::{Failure, Violations};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::{PasskeysConfig, is_web};
use crate::entity::account::Model as Account;
use crate::entity::passkey::Model;
use crate::error::Error;

/// Longer than what any authenticator says, certificates included.
const MOST_BYTES: usize = 32_768;

/// This service as authenticators know it.
#[derive(Clone, Debug)]
pub(crate) struct RelyingParty(Arc<Webauthn>);

/// What an authenticator is asked, and what its answer is checked against.
pub(crate) struct Question<S> {
    /// For the page: JSON.
    pub(crate) options: String,
    pub(crate) state: S,
}

/// Why an answer makes no passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The page is none of this service.
    WrongOrigin,
    /// It is bound to another domain.
    WrongRelyingParty,
    /// It answers another question.
    WrongChallenge,
    /// The authenticator did not make sure that it is the person.
    UserNotVerified,
    /// There is this passkey already.
    AlreadyRegistered,
    /// Anything else, such as a kind of key that nobody asked for.
    Unsupported,
}

impl Problem {
    /// As documented with `ERROR_REASON_PASSKEY_REJECTED`.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::WrongOrigin => "WRONG_ORIGIN",
            Self::WrongRelyingParty => "WRONG_RELYING_PARTY",
            Self::WrongChallenge => "WRONG_CHALLENGE",
            Self::UserNotVerified => "USER_NOT_VERIFIED",
            Self::AlreadyRegistered => "ALREADY_REGISTERED",
            Self::Unsupported => "UNSUPPORTED",
        }
    }

    fn of(error: &WebauthnError) -> Self {
        match error {
            WebauthnError::InvalidRPOrigin | WebauthnError::CredentialCrossOrigin => Self::WrongOrigin,
            WebauthnError::InvalidRPIDHash => Self::WrongRelyingParty,
            WebauthnError::MismatchedChallenge => Self::WrongChallenge,
            WebauthnError::UserNotVerified | WebauthnError::UserNotPresent => Self::UserNotVerified,
            _ => Self::Unsupported,
        }
    }
}

impl RelyingParty {
    /// None if there are no passkeys: the settings name no domain, or do not fit together, which ends the start.
    pub(crate) fn new(config: &PasskeysConfig, name: &str) -> Option<Self> {
        if !config.problems().is_empty() {
            return None;
        }
        let (id, first) = (config.relying_party_id.as_ref()?, config.origins.iter().find(|it| is_web(it))?);
        let mut builder = WebauthnBuilder::new(id, first).ok()?.rp_name(name);
        for origin in &config.origins {
            builder = builder.append_allowed_origin(origin);
        }
        Some(Self(Arc::new(builder.build().ok()?)))
    }

    /// Asks for a passkey of `account`, whose others are `known`.
    pub(crate) fn ask_for_new(
        &self,
        account: &Account,
        known: &[Model],
    ) -> Result<Question<PasskeyRegistration>, Error> {
        let known = known.iter().map(|passkey| passkey.credential_id.clone()).collect();
        let name = if account.full_name.is_empty() { &account.email } else { &account.full_name };
        let (options, state) = self
            .0
            .start_passkey_registration(account.id, &account.email, name, Some(known))
            .map_err(Failure::internal)?;
        let mut options = serde_json::to_value(options.public_key).map_err(Failure::internal)?;
        // The library asks not to be able to sign in without an address, as old security keys have little room for that.
        set(&mut options, "/authenticatorSelection/residentKey", json!("preferred"));
        Ok(Question { options: options.to_string(), state })
    }

    /// The passkey that the answer makes.
    pub(crate) fn accept_new(
        &self,
        answer: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
    ) -> Result<Passkey, Problem> {
        self.0.finish_passkey_registration(answer, state).map_err(|error| {
            tracing::info!(%error, "a passkey was rejected: {error}");
            Problem::of(&error)
        })
    }

    /// Asks to show one of `known`; any, if there are none.
    pub(crate) fn ask_to_show(&self, known: &[Model]) -> Result<Question<DiscoverableAuthentication>, Error> {
        let (options, state) = self.0.start_discoverable_authentication().map_err(Failure::internal)?;
        let mut options = serde_json::to_value(options.public_key).map_err(Failure::internal)?;
        let named =
            |it: &Model| json!({"type": "public-key", "id": URL_SAFE_NO_PAD.encode(&it.credential_id)});
        set(&mut options, "/allowCredentials", known.iter().map(named).collect());
        Ok(Question { options: options.to_string(), state })
    }

    /// What the answer proves of `passkey`, of which it must be the present state.
    pub(crate) fn accept_shown(
        &self,
        answer: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        passkey: &Passkey,
    ) -> Result<AuthenticationResult, WebauthnError> {
        self.0.finish_discoverable_authentication_v2(answer, state, passkey)
    }
}

fn set(options: &mut Value, place: &str, value: Value) {
    if let Some(there) = options.pointer_mut(place) {
        *there = value;
    }
}

/// The field `credential`: a new credential.
pub(crate) fn read_new(text: &str, violations: &mut Violations) -> Option<RegisterPublicKeyCredential> {
    read("credential", text, violations)
}

/// The field `field`: a credential that somebody shows.
pub(crate) fn read_shown(
    field: &str,
    text: &str,
    violations: &mut Violations,
) -> Option<PublicKeyCredential> {
    read(field, text, violations)
}

fn read<C: DeserializeOwned>(field: &str, text: &str, violations: &mut Violations) -> Option<C> {
    if text.len() > MOST_BYTES {
        violations.add(field, format_args!("must be at most {MOST_BYTES} bytes long"));
        return None;
    }
    let read = serde_json::from_str(text);
    violations.check(field, read.map_err(|_| "must be what `toJSON` of a public key credential says"))
}
