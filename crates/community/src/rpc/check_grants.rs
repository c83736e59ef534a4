use usher_api::community::{self as pb, GrantOutcome, GrantTerms};
use usher_api::name::CommunityName;
use usher_runtime::{Caller, Violations};

use crate::access::Reach;
use crate::catalogue::MEMBERS_LIST;
use crate::entity::community;
use crate::error::Error;
use crate::grants::{Grant, Judge};
use crate::invitees::Offer;
use crate::settings::Settings;
use crate::{Community, invitees, parse, seats, settings};

pub(crate) async fn check_grants(
    service: &Community,
    caller: &Caller,
    request: pb::CheckGrantsRequest,
) -> Result<pb::CheckGrantsResponse, Error> {
    let giver = caller.person()?.user;
    let mut violations = Violations::default();
    let root = violations.check("root", request.root.parse::<CommunityName>());
    let recipients = invitees::parse(&request.recipients, &mut violations);
    let asked = parse::grants(request.grants, &mut violations);
    violations.require(!request.permission.is_empty(), "permission", "must not be empty");
    let root = parse::required(root, &mut violations)?;
    violations.finish()?;

    let judge = Judge::load(&*service.database, root, giver, &asked).await?;
    judge.know(&request.permission)?;
    // In all communities before anything is told of any.
    for grant in &asked {
        judge.authorize(&request.permission, grant)?;
    }
    judge.require_inside(&asked)?;
    let mut grants = Vec::with_capacity(asked.len());
    for grant in &asked {
        grants.push(judge.examine(grant)?);
    }
    let communities: Vec<&community::Model> =
        grants.iter().filter_map(|grant| judge.community(grant.community)).collect();
    let settings = settings::in_force(&*service.database, &communities).await?;
    let sees = |grant: &Grant| judge.require(MEMBERS_LIST, grant.community, Reach::Here).is_ok();
    let offer = Offer { root, grants: &grants, sees_members: grants.iter().all(sees), settings };
    let verdicts = offer.judge(service, &recipients, request.reserve_seats).await?;
    let mut terms = Vec::with_capacity(grants.len());
    for grant in &grants {
        terms.push(terms_of(service, &judge, grant, offer.settings.get(&grant.community.0)).await?);
    }
    let grants = grants.iter().map(|grant| grant.to_proto(GrantOutcome::Unspecified)).collect();
    Ok(pb::CheckGrantsResponse { grants, terms, verdicts })
}

/// What holds where `grant` is given.
async fn terms_of(
    service: &Community,
    judge: &Judge,
    grant: &Grant,
    settings: Option<&Settings>,
) -> Result<GrantTerms, Error> {
    let settings = settings.cloned().unwrap_or_default();
    let seconds = settings.max_invitation_life;
    let mut terms = GrantTerms {
        permissions: judge.permissions_of(grant),
        max_invitation_life: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        personal_messages: settings.personal_messages_to_proto().into(),
        seat_limit: 0,
        seats_taken: 0,
    };
    if let Some(limit) = settings.seat_limit {
        let taken = seats::taken(&*service.database, grant.community.0, limit, &[]).await?;
        terms.seat_limit = i32::try_from(limit).unwrap_or(i32::MAX);
        terms.seats_taken = i32::try_from(taken.min(limit)).unwrap_or(i32::MAX);
    }
    Ok(terms)
}
