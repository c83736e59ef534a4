//! Who calls, as far as tokens prove it.

use std::fmt;
use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use usher_api::name::UserName;
use uuid::Uuid;

use crate::Failure;

/// The header with the token of the person on whose behalf a service calls. `authorization` holds that of the direct caller.
pub const USER_AUTHORIZATION: &str = "usher-user-authorization";

/// The header in which a service tells the address of whoever it calls for. From anybody else it is not heard.
pub const SOURCE_ADDRESS: &str = "usher-source-address";

/// A person whose access token was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The account.
    pub user: UserName,
    /// The session that the token belongs to.
    pub session: Uuid,
    /// Whether identity calls him a platform administrator.
    pub platform_admin: bool,
}

/// Whoever sent a request: a person, a service, a service on behalf of a person, or nobody. Put into the request by the
/// authentication layer, and nowhere else.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The service that calls, if one does.
    pub service: Option<String>,
    /// The person who calls, or on whose behalf.
    pub person: Option<SignedIn>,
    /// The person's access token, to be forwarded to neighbours.
    pub token: Option<SecretString>,
    /// The address at which the person is: that of the connection, or what a service told. `None` if it is not known.
    pub source: Option<IpAddr>,
}

impl Caller {
    /// The person.
    ///
    /// # Errors
    /// [`Failure::TokenMissing`] if no person calls.
    pub fn person(&self) -> Result<&SignedIn, Failure> {
        self.person.as_ref().ok_or(Failure::TokenMissing)
    }

    /// A request to a neighbour on behalf of the same person. The transport adds who we are.
    pub fn forward<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        let bearer = self.token.as_ref().map(|token| format!("Bearer {}", token.expose_secret()));
        if let Some(Ok(mut value)) = bearer.map(MetadataValue::<Ascii>::try_from) {
            value.set_sensitive(true);
            request.metadata_mut().insert(USER_AUTHORIZATION, value);
        }
        request
    }
}

/// `users/{user}`, `services/{service}`, both, or `nobody`: the same for the same caller, to scope request ids and page
/// tokens by.
impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.service, &self.person) {
            (None, None) => formatter.write_str("nobody"),
            (Some(service), None) => write!(formatter, "services/{service}"),
            (None, Some(person)) => write!(formatter, "{}", person.user),
            (Some(service), Some(person)) => write!(formatter, "services/{service} for {}", person.user),
        }
    }
}
