//! Invitations in the words that people read: names instead of ids. The neighbours are asked about many at a time.

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Code;
use usher_api::community::{CommunityState, DescribeGrantsRequest, DescribedGrant, Grant, GrantRefusal};
use usher_api::identity::GetUserRequest;
use usher_api::invitation::{Offer, OfferedCommunity};
use usher_api::name::{CommunityName, UserName};
use usher_runtime::Failure;

use crate::Invitation;
use crate::entity::{grant, invitation};
use crate::error::Error;
use crate::inviter::person;

/// How many questions to the neighbours are under way at a time.
const CONCURRENCY: usize = 16;
/// How many grants the community service describes at a time.
const MOST_GRANTS: usize = 1_000;

/// An offer, and what is known of the communities that it is about.
pub(crate) struct Described {
    pub(crate) offer: Offer,
    states: Vec<CommunityState>,
}

impl Described {
    /// Refuses an offer that nobody could accept at the moment: one of a suspended community, or of deleted ones alone.
    pub(crate) fn require_acceptable(&self) -> Result<(), Error> {
        let in_state = |wanted: CommunityState| -> Vec<String> {
            let communities = self.offer.communities.iter().zip(&self.states);
            let found = communities.filter(|(_, state)| **state == wanted);
            found.map(|(community, _)| community.community.clone()).collect()
        };
        let deleted = in_state(CommunityState::Deleted);
        let nothing_left = deleted.len() == self.states.len();
        let stopped = if nothing_left { deleted } else { in_state(CommunityState::Suspended) };
        if stopped.is_empty() {
            return Ok(());
        }
        Err(Error::NotGiven { reason: GrantRefusal::CommunityNotActive, communities: stopped, changes: None })
    }
}

/// The offer of one invitation with its grants, which need not be written. See [`describe_all`].
pub(crate) async fn describe(
    service: &Invitation,
    row: &invitation::Model,
    grants: &[grant::Model],
) -> Result<Offer, Failure> {
    let described = put_into_words(service, &[(row, grants)]).await?.pop();
    described.map(|described| described.offer).ok_or_else(|| Failure::internal("nothing is described"))
}

/// Looks up the names of the inviters, the communities and the roles for each of `rows`. What has gone meanwhile has an empty name,
/// and roles are left out.
pub(crate) async fn describe_all(
    service: &Invitation,
    rows: &[invitation::Model],
) -> Result<Vec<Described>, Failure> {
    let grants = grant::of_invitations(&*service.database, rows.iter().map(|row| row.id)).await?;
    let grants_of = |row: &invitation::Model| grants.get(&row.id).map(Vec::as_slice).unwrap_or_default();
    let invitations: Vec<_> = rows.iter().map(|row| (row, grants_of(row))).collect();
    put_into_words(service, &invitations).await
}

async fn put_into_words(
    service: &Invitation,
    invitations: &[(&invitation::Model, &[grant::Model])],
) -> Result<Vec<Described>, Failure> {
    let grants = invitations.iter().flat_map(|(_, grants)| *grants);
    let inviters = invitations.iter().filter_map(|(row, _)| person(row.inviter()));
    let (described, names) =
        tokio::try_join!(describe_grants(service, grants), user_names(service, inviters))?;
    let mut described = described.into_iter();
    let describe = |(row, grants): &(&invitation::Model, &[grant::Model])| {
        let described: Vec<_> = described.by_ref().take(grants.len()).collect();
        let states = described.iter().map(DescribedGrant::effective_state).collect();
        let communities = grants.iter().zip(described).map(in_words).collect();
        Described { offer: offer(row, communities, &names), states }
    };
    Ok(invitations.iter().map(describe).collect())
}

fn in_words((grant, described): (&grant::Model, DescribedGrant)) -> OfferedCommunity {
    OfferedCommunity {
        community: CommunityName(grant.community_id).to_string(),
        display_name: described.display_name,
        roles: described.roles,
        image_id: described.image_id,
    }
}

fn offer(
    row: &invitation::Model,
    communities: Vec<OfferedCommunity>,
    names: &HashMap<UserName, String>,
) -> Offer {
    let inviter_name = match person(row.inviter()) {
        Some(inviter) => names.get(&inviter).cloned(),
        // A program that invites by itself speaks for the community.
        None => communities.iter().map(|it| it.display_name.clone()).find(|name| !name.is_empty()),
    };
    Offer {
        email: row.email.clone(),
        display_name: row.display_name.clone(),
        inviter_name: inviter_name.unwrap_or_default(),
        communities,
        expire_time: Some(row.expire_time.into()),
        locale: row.locale.clone(),
        message: row.message.clone(),
    }
}

/// What the communities are called. One that has gone meanwhile has an empty name.
pub(crate) async fn community_names(
    service: &Invitation,
    grants: &[grant::Model],
) -> Result<Vec<String>, Failure> {
    let described = describe_grants(service, grants).await?;
    Ok(described.into_iter().map(|grant| grant.display_name).collect())
}

async fn describe_grants(
    service: &Invitation,
    grants: impl IntoIterator<Item = &grant::Model>,
) -> Result<Vec<DescribedGrant>, Failure> {
    let grants: Vec<Grant> = grants.into_iter().map(grant::Model::to_proto).collect();
    let mut described = Vec::with_capacity(grants.len());
    for grants in grants.chunks(MOST_GRANTS) {
        let request = DescribeGrantsRequest { grants: grants.to_vec() };
        let answer = service.community.clone().describe_grants(request).await;
        let answer = answer.map_err(|status| Failure::from_neighbour("community", status))?;
        described.extend(answer.into_inner().grants);
    }
    if described.len() != grants.len() {
        return Err(Failure::internal("the community service described other grants"));
    }
    Ok(described)
}

/// What people are called who have an account.
async fn user_names(
    service: &Invitation,
    people: impl Iterator<Item = UserName>,
) -> Result<HashMap<UserName, String>, Failure> {
    let people: BTreeSet<UserName> = people.collect();
    let found = stream::iter(people.into_iter().map(|person| user_name(service.clone(), person)));
    let found: Vec<_> = found.buffered(CONCURRENCY).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn user_name(service: Invitation, person: UserName) -> Result<Option<(UserName, String)>, Failure> {
    match service.identity.clone().get_user(GetUserRequest { name: person.to_string() }).await {
        Ok(answer) => Ok(answer.into_inner().user.map(|user| (person, user.full_name))),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(Failure::from_neighbour("identity", status)),
    }
}
