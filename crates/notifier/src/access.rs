//! Who may see and change what belongs to a community. The community service judges; this file knows what to ask it.

use usher_api::community::CheckAccessRequest;
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Failure};

use crate::Notifier;

/// To see webhooks, and what became of their deliveries.
pub(crate) const WEBHOOKS_LIST: &str = "webhooks.list";
/// To make webhooks.
pub(crate) const WEBHOOKS_CREATE: &str = "webhooks.create";
/// To change webhooks, and to have them told again.
pub(crate) const WEBHOOKS_UPDATE: &str = "webhooks.update";
/// To delete webhooks.
pub(crate) const WEBHOOKS_DELETE: &str = "webhooks.delete";

/// Refuses unless whoever calls holds `permission` in `community`.
pub(crate) async fn require(
    service: &Notifier,
    caller: &Caller,
    permission: &str,
    community: CommunityName,
) -> Result<(), Failure> {
    let actor = caller.actor()?;
    let request = caller.forward(CheckAccessRequest {
        user: actor.principal.to_string(),
        community: community.to_string(),
        permission: permission.to_owned(),
        on_behalf_of: actor.on_behalf_of.map(|user| user.to_string()).unwrap_or_default(),
        ..CheckAccessRequest::default()
    });
    let answer = service.webhooks.community.clone().check_access(request).await;
    let answer = answer.map_err(|status| Failure::from_neighbour("community", status))?.into_inner();
    if answer.allowed {
        return Ok(());
    }
    Err(Failure::PermissionDenied { permission: permission.to_owned(), resource: community.to_string() })
}
