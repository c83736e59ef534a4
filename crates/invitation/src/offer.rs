//! An invitation in the words that people read: names instead of ids.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Code;
use usher_api::community::{
    CommunityState, GetCommunityImageRequest, GetCommunityRequest, GetRoleRequest, GrantRefusal,
};
use usher_api::identity::GetUserRequest;
use usher_api::invitation::{Offer, OfferedCommunity};
use usher_api::name::CommunityName;
use usher_runtime::{Actor, Failure};
use uuid::Uuid;

use crate::Invitation;
use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::inviter::person;

/// How many questions to the neighbours are under way at a time.
const CONCURRENCY: usize = 16;

/// Refuses an offer that nobody could accept at the moment: one of a suspended community, or of deleted ones alone.
pub(crate) async fn require_acceptable(service: &Invitation, grants: &[grant::Model]) -> Result<(), Error> {
    let (mut deleted, mut suspended) = (Vec::new(), Vec::new());
    for grant in grants {
        let name = CommunityName(grant.community_id).to_string();
        match state(service, &name).await? {
            CommunityState::Active => {}
            CommunityState::Suspended => suspended.push(name),
            CommunityState::Deleted | CommunityState::Unspecified => deleted.push(name),
        }
    }
    let stopped = if deleted.len() == grants.len() { deleted } else { suspended };
    if stopped.is_empty() {
        return Ok(());
    }
    Err(Error::NotGiven { reason: GrantRefusal::CommunityNotActive, communities: stopped, changes: None })
}

/// The state that the community is in fact in. One that is gone is like one that is deleted.
async fn state(service: &Invitation, community: &str) -> Result<CommunityState, Failure> {
    let request = GetCommunityRequest { name: community.to_owned() };
    let answer = service.community.clone().get_community(request).await;
    let found = unless_gone("community", answer)?.and_then(|answer| answer.community);
    Ok(found.map_or(CommunityState::Deleted, |community| community.effective_state()))
}

/// Looks up the names of the inviter, the communities and the roles. What has gone meanwhile is left out.
pub(crate) async fn describe(
    service: &Invitation,
    row: &invitation::Model,
    grants: &[grant::Model],
) -> Result<Offer, Failure> {
    let communities: Vec<OfferedCommunity> =
        stream::iter(grants.iter().cloned().map(|grant| describe_grant(service.clone(), grant)))
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
    Ok(Offer {
        email: row.email.clone(),
        display_name: row.display_name.clone(),
        inviter_name: inviter_name(service, row.inviter(), &communities).await?,
        communities,
        expire_time: Some(row.expire_time.into()),
        locale: row.locale.clone(),
        message: row.message.clone(),
    })
}

/// The media type and the bytes of the image that stands for an offer: that of its first community that is left.
pub(crate) async fn image(service: &Invitation, offer: &Offer) -> Result<(String, Vec<u8>), Failure> {
    let mut left = offer.communities.iter().filter(|community| !community.display_name.is_empty());
    let Some(first) = left.next() else { return Ok((String::new(), Vec::new())) };
    let request = GetCommunityImageRequest { name: first.community.clone() };
    let answer = service.community.clone().get_community_image(request).await;
    let image = unless_gone("community", answer)?.unwrap_or_default();
    Ok((image.media_type, image.image))
}

async fn describe_grant(service: Invitation, grant: grant::Model) -> Result<OfferedCommunity, Failure> {
    let display_name = community_name(service.clone(), grant.community_id).await?;
    let mut roles = Vec::new();
    for role in grant.roles.split(',') {
        let answer = service.community.clone().get_role(GetRoleRequest { name: role.to_owned() }).await;
        roles.extend(
            unless_gone("community", answer)?.and_then(|answer| answer.role).map(|role| role.display_name),
        );
    }
    let community = CommunityName(grant.community_id).to_string();
    Ok(OfferedCommunity { community, display_name, roles })
}

/// What the communities are called. One that has gone meanwhile has an empty name.
pub(crate) async fn community_names(
    service: &Invitation,
    grants: &[grant::Model],
) -> Result<Vec<String>, Failure> {
    let ids: Vec<Uuid> = grants.iter().map(|grant| grant.community_id).collect();
    stream::iter(ids.into_iter().map(|id| community_name(service.clone(), id)))
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

async fn community_name(service: Invitation, id: Uuid) -> Result<String, Failure> {
    let request = GetCommunityRequest { name: CommunityName(id).to_string() };
    let answer = service.community.clone().get_community(request).await;
    let found = unless_gone("community", answer)?.and_then(|answer| answer.community);
    Ok(found.map(|community| community.display_name).unwrap_or_default())
}

/// What whoever invites is called. A program that does so by itself speaks for the community.
async fn inviter_name(
    service: &Invitation,
    inviter: Actor,
    communities: &[OfferedCommunity],
) -> Result<String, Failure> {
    let Some(person) = person(inviter) else {
        let first = communities.iter().find(|community| !community.display_name.is_empty());
        return Ok(first.map(|community| community.display_name.clone()).unwrap_or_default());
    };
    let answer = service.identity.clone().get_user(GetUserRequest { name: person.to_string() }).await;
    let user = unless_gone("identity", answer)?.and_then(|answer| answer.user);
    Ok(user.map(|user| user.full_name).unwrap_or_default())
}

fn unless_gone<T>(
    neighbour: &'static str,
    answer: Result<tonic::Response<T>, tonic::Status>,
) -> Result<Option<T>, Failure> {
    match answer {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(Failure::from_neighbour(neighbour, status)),
    }
}
