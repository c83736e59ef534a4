//! Who may see and end an invitation. The community service judges; this file knows what to ask it.

use std::collections::{BTreeSet, HashSet};

use sea_orm::entity::prelude::*;
use usher_api::community::{BatchCheckAccessRequest, CheckAccessRequest};
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::{Caller, Failure};

use crate::Invitation;
use crate::entity::{grant, invitation};
use crate::error::Error;

/// To see invitations.
pub(crate) const LIST: &str = "invitations.list";
/// To invite.
pub(crate) const CREATE: &str = "invitations.create";
/// To change an invitation.
pub(crate) const UPDATE: &str = "invitations.update";
/// To send an invitation again.
pub(crate) const RESEND: &str = "invitations.resend";
/// To withdraw an invitation.
pub(crate) const REVOKE: &str = "invitations.revoke";

/// The most checks that one call of the community service takes.
const BATCH: usize = 1_000;

/// Those of `communities` in which whoever calls holds `permission`.
pub(crate) async fn communities_with(
    service: &Invitation,
    caller: &Caller,
    permission: &str,
    communities: impl IntoIterator<Item = CommunityName>,
) -> Result<HashSet<CommunityName>, Failure> {
    let actor = caller.actor()?;
    let user = actor.principal.to_string();
    let on_behalf_of = actor.on_behalf_of.map(|user| user.to_string()).unwrap_or_default();
    // Each once, and in one order, so that equal requests ask equal questions.
    let communities: Vec<_> = communities.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut held = HashSet::new();
    for batch in communities.chunks(BATCH) {
        let checks = batch.iter().map(|community| CheckAccessRequest {
            user: user.clone(),
            community: community.to_string(),
            permission: permission.to_owned(),
            on_behalf_of: on_behalf_of.clone(),
            ..CheckAccessRequest::default()
        });
        let request = caller.forward(BatchCheckAccessRequest {
            checks: checks.collect(),
            ..BatchCheckAccessRequest::default()
        });
        let answer = service.community.clone().batch_check_access(request).await;
        let results =
            answer.map_err(|status| Failure::from_neighbour("community", status))?.into_inner().results;
        let allowed = batch.iter().zip(results).filter(|(_, result)| result.allowed);
        held.extend(allowed.map(|(community, _)| *community));
    }
    Ok(held)
}

/// Refuses unless whoever calls holds `permission` in `community`.
pub(crate) async fn require(
    service: &Invitation,
    caller: &Caller,
    permission: &str,
    community: CommunityName,
) -> Result<(), Failure> {
    let held = communities_with(service, caller, permission, [community]).await?;
    if held.contains(&community) { Ok(()) } else { Err(denied(permission, community)) }
}

/// The invitation `name` with its grants. Whoever may not see invitations at the top of the tree does not learn that there
/// is none of that name.
pub(crate) async fn find(
    service: &Invitation,
    caller: &Caller,
    permission: &str,
    name: InvitationName,
) -> Result<(invitation::Model, Vec<grant::Model>), Error> {
    let row = invitation::Entity::find_by_id(name.id).one(&*service.database).await?;
    let Some(row) = row.filter(|row| row.name() == name) else {
        require(service, caller, permission, name.root).await?;
        return Err(Error::NotFound);
    };
    let grants = grant::of_invitation(&*service.database, row.id).await?;
    Ok((row, grants))
}

/// Refuses unless whoever calls holds `permission` in the community of every grant.
pub(crate) async fn require_in_all(
    service: &Invitation,
    caller: &Caller,
    permission: &str,
    grants: &[grant::Model],
) -> Result<(), Failure> {
    let communities = grants.iter().map(|grant| CommunityName(grant.community_id));
    let held = communities_with(service, caller, permission, communities.clone()).await?;
    match communities.into_iter().find(|community| !held.contains(community)) {
        None => Ok(()),
        Some(missing) => Err(denied(permission, missing)),
    }
}

fn denied(permission: &str, community: CommunityName) -> Failure {
    Failure::PermissionDenied { permission: permission.to_owned(), resource: community.to_string() }
}
