//! Calling the suite as somebody.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use secrecy::ExposeSecret as _;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_api::invitation::invitation_service_client::InvitationServiceClient;
use usher_api::notifier::notifier_service_client::NotifierServiceClient;
use usher_runtime::Clock;
use usher_runtime::caller::{ON_BEHALF_OF, USER_AUTHORIZATION};
use usher_runtime::service_token::{Signer, read_signing_key};

use crate::until::PATIENCE;
use crate::{Description, Service, current};

/// Somebody who calls, at one of the replicas of each service. Those who are made from one another share connections; they must
/// stay within the test that made the first.
#[derive(Clone)]
pub struct Caller {
    suite: Arc<Description>,
    /// By address.
    channels: Arc<Mutex<HashMap<String, Channel>>>,
    replica: usize,
    tokens: Tokens,
}

/// The tokens of a caller, added to each request.
#[derive(Clone, Default)]
pub struct Tokens {
    authorization: Option<String>,
    on_behalf_of: Option<String>,
    represented: Option<String>,
}

/// A client that calls as somebody.
pub type As = InterceptedService<Channel, Tokens>;

impl Interceptor for Tokens {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, token) in
            [("authorization", &self.authorization), (USER_AUTHORIZATION, &self.on_behalf_of)]
        {
            if let Some(token) = token {
                let value = MetadataValue::try_from(format!("Bearer {token}"));
                request.metadata_mut().insert(name, value.expect("tokens are ASCII"));
            }
        }
        if let Some(user) = &self.represented {
            let value = MetadataValue::try_from(user).expect("names are ASCII");
            request.metadata_mut().insert(ON_BEHALF_OF, value);
        }
        Ok(request)
    }
}

impl Caller {
    /// Nobody, who has no token.
    pub fn nobody() -> Self {
        Self::nobody_at(current())
    }

    /// Nobody, at a suite that a test started itself.
    pub fn nobody_at(suite: &Description) -> Self {
        let suite = Arc::new(suite.clone());
        Self { suite, channels: Arc::default(), replica: 0, tokens: Tokens::default() }
    }

    /// Whoever this token stands for.
    #[must_use]
    pub fn bearing(&self, token: &str) -> Self {
        let tokens = Tokens { authorization: Some(token.to_owned()), ..Tokens::default() };
        Self { tokens, ..self.clone() }
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Self {
        self.bearing(&service_token(&self.suite, name))
    }

    /// The service, acting for the person with this access token, or the program with this API key.
    #[must_use]
    pub fn on_behalf_of(&self, access_token: &str) -> Self {
        let mut caller = self.clone();
        caller.tokens.on_behalf_of = Some(access_token.to_owned());
        caller
    }

    /// The same caller, saying that it calls on behalf of `user`, `users/{user}`.
    #[must_use]
    pub fn representing(&self, user: &str) -> Self {
        let mut caller = self.clone();
        caller.tokens.represented = Some(user.to_owned());
        caller
    }

    /// The same caller at another replica.
    #[must_use]
    pub fn at_replica(&self, replica: usize) -> Self {
        Self { replica, ..self.clone() }
    }

    /// The identity service.
    pub fn identity(&self) -> IdentityServiceClient<As> {
        IdentityServiceClient::new(self.way_to(Service::Identity))
    }

    /// The community service.
    pub fn community(&self) -> CommunityServiceClient<As> {
        CommunityServiceClient::new(self.way_to(Service::Community))
    }

    /// The invitation service.
    pub fn invitation(&self) -> InvitationServiceClient<As> {
        InvitationServiceClient::new(self.way_to(Service::Invitation))
    }

    /// The notifier service.
    pub fn notifier(&self) -> NotifierServiceClient<As> {
        NotifierServiceClient::new(self.way_to(Service::Notifier))
    }

    /// The way to a service.
    pub fn way_to(&self, service: Service) -> As {
        let replicas = &self.suite.endpoints[&service];
        let address = &replicas[self.replica % replicas.len()];
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(address.clone()).or_insert_with_key(|address| connect(address));
        InterceptedService::new(channel.clone(), self.tokens.clone())
    }
}

fn connect(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(address.to_owned()).expect("endpoints are URLs");
    // A service that does not answer fails the test instead of keeping it.
    endpoint.timeout(PATIENCE).connect_lazy()
}

fn service_token(suite: &Description, name: &str) -> String {
    let key = read_signing_key(&suite.tests_key).expect("the tests' key must be readable");
    let signer = Signer::new(&key, "usher/tests", "usher", CLOCK.clone()).expect("the tests' key must sign");
    signer.sign(name).expect("a token must be made").expose_secret().to_owned()
}

static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::system);
