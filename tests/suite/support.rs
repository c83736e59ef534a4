//! What tests say often.

pub mod acts;
pub mod authenticator;
pub mod dice;
pub mod endpoint;
pub mod keys;
pub mod mail;
pub mod oidc;
pub mod passkeys;
pub mod people;
pub mod picture;
pub mod refusal;
pub mod rows;
pub mod source;
pub mod tree;
pub mod two_factor;
pub mod webhooks;

use uuid::Uuid;

/// A request id that nobody used.
pub fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// An address that nobody has.
pub fn address(name: &str) -> String {
    format!("{name}.{}@guest.test", Uuid::new_v4().simple())
}
