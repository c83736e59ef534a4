//! The composition: services, each given what it needs and knowing nothing of where it comes from.

use ed25519_dalek::SigningKey;
use tokio::sync::watch;
use usher_api::community::community_service_client::CommunityServiceClient;
use usher_api::identity::identity_service_client::IdentityServiceClient;
use usher_api::invitation::invitation_service_client::InvitationServiceClient;
use usher_community::Community;
use usher_identity::Identity;
use usher_invitation::Invitation;
use usher_notifier::Notifier;
use usher_runtime::{Clock, EventBus, Foundation, Random, Workers};

use crate::config::Config;
use crate::databases::Databases;
use crate::neighbours::Neighbours;
use crate::service::Service;
use crate::trouble::Trouble;

/// The services of a process.
pub struct Suite {
    identity: Option<Identity>,
    community: Option<Community>,
    invitation: Option<Invitation>,
    notifier: Option<Notifier>,
}

impl Suite {
    /// Builds the services whose databases were opened, each after those that it calls, and the ways between them.
    pub fn compose<'a>(
        config: &'a Config,
        databases: &Databases,
        embedded_key: &SigningKey,
    ) -> Result<(Self, Neighbours<'a>), Trouble> {
        let identity = identity(config, databases)?;
        let identity_routes = identity.as_ref().map(Identity::routes);
        let first = Service::ALL.into_iter().find(|service| databases.get(*service).is_some());
        let first = first.unwrap_or(Service::Identity);
        let mut neighbours = Neighbours::new(config, identity_routes.clone(), first, embedded_key)?;
        neighbours.add(Service::Identity, identity_routes);

        let community = community(config, databases, &neighbours)?;
        neighbours.add(Service::Community, community.as_ref().map(Community::routes));

        let invitation = invitation(config, databases, &neighbours)?;
        neighbours.add(Service::Invitation, invitation.as_ref().map(Invitation::routes));

        let notifier = notifier(config, databases, &neighbours)?;
        neighbours.add(Service::Notifier, notifier.as_ref().map(Notifier::routes));

        Ok((Self { identity, community, invitation, notifier }, neighbours))
    }

    /// Whether mails leave, if the notifier runs here.
    pub fn mail_flows(&self) -> Option<watch::Receiver<bool>> {
        self.notifier.as_ref().map(Notifier::mail_flows)
    }

    /// Subscribes to events and spawns background tasks.
    pub fn start(&self, bus: &EventBus, workers: &Workers) {
        if let Some(identity) = &self.identity {
            identity.start(bus, workers);
        }
        if let Some(community) = &self.community {
            community.start(bus, workers);
        }
        if let Some(invitation) = &self.invitation {
            invitation.start(bus, workers);
        }
        if let Some(notifier) = &self.notifier {
            notifier.start(bus, workers);
        }
    }
}

/// The identity service, if its database was opened.
pub fn identity(config: &Config, databases: &Databases) -> Result<Option<Identity>, Trouble> {
    let foundation = foundation(config, databases, Service::Identity)?;
    Ok(foundation.map(|foundation| Identity::new(foundation, config.identity.clone(), &config.trust)))
}

fn community(
    config: &Config,
    databases: &Databases,
    neighbours: &Neighbours,
) -> Result<Option<Community>, Trouble> {
    let Some(foundation) = foundation(config, databases, Service::Community)? else { return Ok(None) };
    let identity = IdentityServiceClient::new(neighbours.way(Service::Community, Service::Identity)?);
    Ok(Some(Community::new(foundation, config.community.clone(), identity)))
}

fn invitation(
    config: &Config,
    databases: &Databases,
    neighbours: &Neighbours,
) -> Result<Option<Invitation>, Trouble> {
    let Some(foundation) = foundation(config, databases, Service::Invitation)? else { return Ok(None) };
    let identity = IdentityServiceClient::new(neighbours.way(Service::Invitation, Service::Identity)?);
    let community = CommunityServiceClient::new(neighbours.way(Service::Invitation, Service::Community)?);
    let invitation = Invitation::new(foundation, config.invitation.clone(), identity, community);
    invitation.map(Some).map_err(Trouble::setting)
}

fn notifier(
    config: &Config,
    databases: &Databases,
    neighbours: &Neighbours,
) -> Result<Option<Notifier>, Trouble> {
    let Some(foundation) = foundation(config, databases, Service::Notifier)? else { return Ok(None) };
    let identity = IdentityServiceClient::new(neighbours.way(Service::Notifier, Service::Identity)?);
    let community = CommunityServiceClient::new(neighbours.way(Service::Notifier, Service::Community)?);
    let invitation = InvitationServiceClient::new(neighbours.way(Service::Notifier, Service::Invitation)?);
    let notifier = Notifier::new(foundation, config.notifier.clone(), identity, community, invitation);
    notifier.map(Some).map_err(Trouble::setting)
}

/// What `service` is built on, if its database was opened.
fn foundation(
    config: &Config,
    databases: &Databases,
    service: Service,
) -> Result<Option<Foundation>, Trouble> {
    let Some(database) = databases.get(service) else { return Ok(None) };
    let sealing = config.secrets.sealing_key()?;
    let (database, clock, random) = (database.clone(), Clock::system(), Random::system());
    Ok(Some(Foundation { database, clock, random, sealing }))
}
