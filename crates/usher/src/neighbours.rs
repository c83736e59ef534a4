//! How services reach each other, and why they believe each other, within this process and beyond it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tonic::service::Routes;
use tonic::{Code, Request};
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_api::identity::{GetJsonWebKeysRequest, VerifyApiKeyRequest};
use usher_runtime::service_token::ServiceTokens;
use usher_runtime::trust::{TrustedIssuer, VerifyingKey};
use usher_runtime::user_keys::UserKeys;
use usher_runtime::{ApiKeys, Clock, Failure, Layers, Transport, Trust};

use crate::config::Config;
use crate::service::Service;
use crate::trouble::Trouble;

/// The ways between services.
pub struct Neighbours<'a> {
    config: &'a Config,
    layers: Layers,
    local: BTreeMap<Service, Routes>,
    /// Proves to services of this process who calls.
    tokens_here: ServiceTokens,
    /// Proves it to other processes, if any is called.
    tokens_away: Option<ServiceTokens>,
}

/// How long identity may take to answer with its keys.
const KEYS_DEADLINE: Duration = Duration::from_secs(5);

impl<'a> Neighbours<'a> {
    /// Ways from a process in which identity runs with these routes, or does not run. Then the process asks for API keys as `first`,
    /// a service that runs in it.
    pub fn new(
        config: &'a Config,
        identity: Option<Routes>,
        first: Service,
        embedded_key: &SigningKey,
    ) -> Result<Self, Trouble> {
        let audience = &config.trust.audience;
        let embedded = ServiceTokens::embedded(embedded_key, audience, Clock::system());
        let (tokens_here, embedded_issuer) = embedded.map_err(Trouble::Other)?;
        let mut issuers = vec![embedded_issuer];
        for issuer in &config.trust.issuers {
            issuers.push(TrustedIssuer::load(issuer).map_err(Trouble::setting)?);
        }
        let own_token = config.trust.own_token.as_ref();
        let tokens_away =
            own_token.map(|own| ServiceTokens::load(own, audience, Clock::system())).transpose();
        let tokens_away = tokens_away.map_err(Trouble::setting)?;

        // Not behind the layers: they need the keys to let anybody through.
        let way_to_keys = match identity {
            Some(routes) => Transport::local(routes),
            None => remote(config, Service::Identity)?,
        };
        let way_to_api_keys = match &tokens_away {
            Some(tokens) => way_to_keys.clone().acting_as(first.name(), tokens.clone()),
            None => way_to_keys.clone(),
        };
        let user_keys = user_keys(way_to_keys, config.trust.user_keys_max_age);
        let trust = Trust::new(&config.trust, user_keys, api_keys(way_to_api_keys), issuers, Clock::system());
        let trust = trust.map_err(Trouble::setting)?;
        Ok(Self {
            config,
            layers: Layers::new(Arc::new(trust), config.limits),
            local: BTreeMap::new(),
            tokens_here,
            tokens_away,
        })
    }

    /// The layers that every call passes.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// Services that are built later reach `service` within the process, if it runs here: if it has routes.
    pub fn add(&mut self, service: Service, routes: Option<Routes>) {
        self.local.extend(routes.map(|routes| (service, routes)));
    }

    /// The routes of all services that were added.
    pub fn local(&self) -> impl Iterator<Item = Routes> {
        self.local.values().cloned()
    }

    /// The way that `caller` takes to `target`: within the process if that was added.
    pub fn way(&self, caller: Service, target: Service) -> Result<Transport, Trouble> {
        if let Some(routes) = self.local.get(&target) {
            let way = Transport::local(self.layers.around(routes.clone()));
            return Ok(way.acting_as(caller.name(), self.tokens_here.clone()));
        }
        let Some(tokens) = self.tokens_away.clone() else {
            return Err(Trouble::setting("trust.own_token is not set"));
        };
        Ok(remote(self.config, target)?.acting_as(caller.name(), tokens))
    }
}

fn remote(config: &Config, target: Service) -> Result<Transport, Trouble> {
    let name = target.name();
    let address = config.peers.address(target);
    let address = address.ok_or_else(|| Trouble::setting(format!("peers.{name} is not set")))?;
    Transport::remote(address).map_err(|error| Trouble::setting(format!("peers.{name}: {error}")))
}

/// The keys of people's tokens, from identity.
fn user_keys(way: Transport, max_age: Duration) -> UserKeys {
    let identity = IdentityServiceClient::new(way);
    UserKeys::new(Service::Identity.name(), max_age, move || {
        let mut identity = identity.clone();
        Box::pin(async move {
            let mut request = Request::new(GetJsonWebKeysRequest {});
            request.set_timeout(KEYS_DEADLINE);
            let answer = identity.get_json_web_keys(request).await;
            let answer = answer.map_err(|status| Failure::from_neighbour("identity", status))?;
            let keys = answer.into_inner().keys;
            keys.iter().map(|key| VerifyingKey::ed25519(&key.kid, &key.x)).collect()
        })
    })
}

/// Whom API keys stand for, from identity, which is asked about each call.
fn api_keys(way: Transport) -> ApiKeys {
    let identity = IdentityServiceClient::new(way);
    ApiKeys::new(move |hash| {
        let mut identity = identity.clone();
        Box::pin(async move {
            let mut request = Request::new(VerifyApiKeyRequest { hash });
            request.set_timeout(KEYS_DEADLINE);
            match identity.verify_api_key(request).await {
                Ok(answer) => answer.into_inner().principal.parse().map_err(Failure::internal),
                Err(status) if status.code() == Code::NotFound => Err(Failure::TokenInvalid),
                Err(status) if status.code() == Code::FailedPrecondition => Err(Failure::TokenExpired),
                Err(status) => Err(Failure::from_neighbour("identity", status)),
            }
        })
    })
}
