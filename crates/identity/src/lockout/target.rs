//! What is guessed.

use std::time::Duration;

use usher_api::name::UserName;
use usher_runtime::EmailAddress;

use crate::Identity;

/// How long wrong second factors count: whoever shows one knows the password, so neither may he try again after a minute, nor is an
/// honest person disturbed.
const SECOND_FACTOR_WITHIN: Duration = Duration::from_hours(24);

/// What a password is guessed for. Guesses for one count apart from those for others.
pub(crate) enum Target<'a> {
    /// Signing in with an address, for which there may be no account.
    SignIn(&'a EmailAddress),
    /// Confirming something while signed in. An outsider, who can lock the address, cannot lock this.
    Confirmation(UserName),
    /// Showing a second factor, after the first.
    SecondFactor(UserName),
    /// Signing in by a passkey of which the authenticator says this id. There may be none.
    Passkey(&'a [u8]),
    /// Signing in by an identity provider, where nothing can be guessed.
    Provider(UserName),
}

impl Target<'_> {
    pub(super) fn key(&self, service: &Identity) -> Vec<u8> {
        match self {
            Self::SignIn(email) => service.sealing.fingerprint("sign-in", &[email.canonical().as_bytes()]),
            Self::Confirmation(user) => service.sealing.fingerprint("confirmation", &[user.0.as_bytes()]),
            Self::SecondFactor(user) => service.sealing.fingerprint("second factor", &[user.0.as_bytes()]),
            Self::Passkey(credential_id) => service.sealing.fingerprint("passkey", &[credential_id]),
            Self::Provider(user) => service.sealing.fingerprint("provider", &[user.0.as_bytes()]),
        }
    }

    /// How long failures count.
    pub(super) fn within(&self, service: &Identity) -> Duration {
        match self {
            Self::SignIn(_) | Self::Confirmation(_) | Self::Passkey(_) | Self::Provider(_) => {
                service.config.lockout.within
            }
            Self::SecondFactor(_) => SECOND_FACTOR_WITHIN,
        }
    }
}
