//! Calls over gRPC, as anybody's program would make them.

use std::net::SocketAddr;

use secrecy::{ExposeSecret as _, SecretString};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_api::invitation::invitation_service_client::InvitationServiceClient;
use usher_runtime::service_token::ServiceTokens;

use super::story::Unexpected;
use crate::trouble::Trouble;

/// A connection to the suite.
pub struct Api {
    channel: Channel,
    services: ServiceTokens,
}

impl Api {
    /// To the server at `address`, with tokens for services.
    pub fn new(address: SocketAddr, services: ServiceTokens) -> Result<Self, Trouble> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let endpoint = endpoint.map_err(|error| Trouble::Other(format!("{address}: {error}")))?;
        Ok(Self { channel: endpoint.connect_lazy(), services })
    }

    /// The identity service.
    pub fn identity(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.channel.clone())
    }

    /// The community service.
    pub fn community(&self) -> CommunityServiceClient<Channel> {
        CommunityServiceClient::new(self.channel.clone())
    }

    /// The invitation service.
    pub fn invitation(&self) -> InvitationServiceClient<Channel> {
        InvitationServiceClient::new(self.channel.clone())
    }

    /// `message` from the service of this name.
    pub fn as_service<M>(&self, service: &str, message: M) -> Result<Request<M>, Unexpected> {
        let token = self.services.token(service);
        Ok(signed(&token.map_err(|error| Unexpected::new(error.to_string()))?, message))
    }
}

/// `message` from whoever holds `token`.
pub fn signed<M>(token: &SecretString, message: M) -> Request<M> {
    let mut request = Request::new(message);
    if let Ok(mut bearer) = MetadataValue::try_from(format!("Bearer {}", token.expose_secret())) {
        bearer.set_sensitive(true);
        request.metadata_mut().insert("authorization", bearer);
    }
    request
}

/// The reason of a refusal, by which programs tell refusals apart.
pub fn refusal(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map_or_else(|| format!("{:?}", status.code()), |info| info.reason.clone())
}
