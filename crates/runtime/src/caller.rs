//! Who calls, as far as tokens prove it.

use std::fmt;
use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use usher_api::name::{PrincipalName, UserName};
use uuid::Uuid;

use crate::Failure;

/// The header with the token of the person, or the API key of the program, on whose behalf a service calls. `authorization` holds
/// that of the direct caller.
pub const USER_AUTHORIZATION: &str = "usher-user-authorization";

/// The header in which a service tells the address of whoever it calls for. From anybody else it is not heard.
pub const SOURCE_ADDRESS: &str = "usher-source-address";

/// The header in which a service account names the person on whose behalf it calls. From anybody else it is refused: a call that
/// was meant to have less authority must not be made with more.
pub const ON_BEHALF_OF: &str = "usher-on-behalf-of";

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

/// A program whose API key was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Whose authority the key stands for: its own, or that of the service account that it belongs to. Never a person.
    pub principal: PrincipalName,
    /// The person on whose behalf it calls, if it is a service account that says so. Nothing proves that he knows of it: what he
    /// may not do, or the account may not do by itself, is not allowed.
    pub on_behalf_of: Option<UserName>,
}

/// Whoever a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor {
    /// Who acts.
    pub principal: PrincipalName,
    /// The person on whose behalf. Then only what both may do is allowed.
    pub on_behalf_of: Option<UserName>,
}

impl From<UserName> for Actor {
    fn from(user: UserName) -> Self {
        Self { principal: user.into(), on_behalf_of: None }
    }
}

impl From<PrincipalName> for Actor {
    fn from(principal: PrincipalName) -> Self {
        Self { principal, on_behalf_of: None }
    }
}

/// `{principal}`, or `{principal} for users/{user}`.
impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.on_behalf_of {
            None => self.principal.fmt(formatter),
            Some(user) => write!(formatter, "{} for {user}", self.principal),
        }
    }
}

/// Whoever sent a request: a person, a program, a service, a service on behalf of one of these, or nobody. Put into the request
/// by the authentication layer, and nowhere else.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The service that calls, if one does.
    pub service: Option<String>,
    /// The person who calls, or on whose behalf a service does.
    pub person: Option<SignedIn>,
    /// The program that calls, or on whose behalf a service does. Never beside a person.
    pub program: Option<Program>,
    /// The person's access token or the program's key, to be forwarded to neighbours.
    pub token: Option<SecretString>,
    /// The address at which the person is: that of the connection, or what a service told. `None` if it is not known.
    pub source: Option<IpAddr>,
}

impl Caller {
    /// The person, for what only people can do.
    ///
    /// # Errors
    /// [`Failure::TokenMissing`] if no person calls.
    pub fn person(&self) -> Result<&SignedIn, Failure> {
        self.person.as_ref().ok_or(Failure::TokenMissing)
    }

    /// Whoever the decision rests on: the person or the program.
    ///
    /// # Errors
    /// [`Failure::TokenMissing`] if neither calls.
    pub fn actor(&self) -> Result<Actor, Failure> {
        match (&self.person, &self.program) {
            (Some(person), _) => Ok(person.user.into()),
            (None, Some(program)) => {
                Ok(Actor { principal: program.principal, on_behalf_of: program.on_behalf_of })
            }
            (None, None) => Err(Failure::TokenMissing),
        }
    }

    /// Whether a service calls for itself. What services may is said by the contract alone, so it must not be mixed up with one
    /// that forwards somebody's token.
    #[must_use]
    pub fn is_service_alone(&self) -> bool {
        self.service.is_some() && self.person.is_none() && self.program.is_none()
    }

    /// Whether a person calls, or is called for, who administers the platform.
    #[must_use]
    pub fn is_platform_admin(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.platform_admin)
    }

    /// A request to a neighbour on behalf of the same person or program. The transport adds who we are.
    pub fn forward<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        let bearer = self.token.as_ref().map(|token| format!("Bearer {}", token.expose_secret()));
        if let Some(Ok(mut value)) = bearer.map(MetadataValue::<Ascii>::try_from) {
            value.set_sensitive(true);
            request.metadata_mut().insert(USER_AUTHORIZATION, value);
        }
        let represented = self.program.as_ref().and_then(|program| program.on_behalf_of);
        if let Some(Ok(value)) = represented.map(|user| MetadataValue::try_from(user.to_string())) {
            request.metadata_mut().insert(ON_BEHALF_OF, value);
        }
        request
    }
}

/// The name of the person or program, `services/{service}`, both, or `nobody`: the same for the same caller, to scope request
/// ids and page tokens by.
impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.service, self.actor()) {
            (None, Err(_)) => formatter.write_str("nobody"),
            (Some(service), Err(_)) => write!(formatter, "services/{service}"),
            (None, Ok(actor)) => actor.fmt(formatter),
            (Some(service), Ok(actor)) => write!(formatter, "services/{service} for {actor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use usher_api::name::ServiceAccountName;

    use super::*;

    fn account(on_behalf_of: Option<UserName>) -> Caller {
        let principal = PrincipalName::ServiceAccount(ServiceAccountName(Uuid::from_u128(1)));
        let token = Some("key".to_owned().into());
        Caller { program: Some(Program { principal, on_behalf_of }), token, ..Caller::default() }
    }

    #[test]
    fn request_ids_of_an_account_and_of_those_it_calls_for_are_kept_apart() {
        let (anna, ben) = (UserName(Uuid::from_u128(2)), UserName(Uuid::from_u128(3)));
        let names = [None, Some(anna), Some(ben)].map(|user| account(user).to_string());
        assert!(names[0] != names[1] && names[1] != names[2]);
        let forwarded = Caller { service: Some("invitation".to_owned()), ..account(None) };
        assert!(!forwarded.is_service_alone());
        assert_eq!(forwarded.to_string(), format!("services/invitation for {}", names[0]));
    }

    #[test]
    fn neighbours_learn_on_whose_behalf_an_account_calls() {
        let anna = UserName(Uuid::from_u128(2));
        let request = account(Some(anna)).forward(());
        assert_eq!(request.metadata().get(ON_BEHALF_OF).unwrap().to_str().unwrap(), anna.to_string());
        assert!(account(None).forward(()).metadata().get(ON_BEHALF_OF).is_none());
        assert!(account(None).person().is_err(), "a program is no person");
    }
}
