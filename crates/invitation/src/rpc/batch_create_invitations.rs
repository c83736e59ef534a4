use usher_api::community::Grant;
use usher_api::invitation::{self as pb, InvitationRefusal};
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Failure, Once, Violations};
use uuid::Uuid;

use crate::asked::Asked;
use crate::draft::{self, Guest, Terms};
use crate::error::Error;
use crate::judging::{Verdict, judge_all};
use crate::{Invitation, limits, policy, preview, refusal};

const REQUESTS: std::ops::RangeInclusive<usize> = 1..=100;

pub(crate) async fn batch_create_invitations(
    service: &Invitation,
    caller: &Caller,
    request: pb::BatchCreateInvitationsRequest,
) -> Result<pb::BatchCreateInvitationsResponse, Error> {
    caller.actor()?;
    let (root, asked) = parse(service, &request)?;
    let mut violations = Violations::default();
    let request_id = parse_request_id(&request.request_id, &mut violations);
    if request.validate_only {
        return preview_all(service, caller, root, &asked).await;
    }
    let once =
        Once::new(&service.sealing, &service.clock, caller, "BatchCreateInvitations", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    let offers: Vec<(&Guest, &[Grant])> =
        asked.iter().map(|asked| (&asked.guest, asked.grants.as_slice())).collect();
    let verdicts = judge_all(service, caller, root, &offers, true).await;
    let written = match verdicts {
        Ok(verdicts) => match terms_of_all(service, caller, root, &asked, verdicts) {
            Ok(terms) => write(service, &once, &asked, &terms).await,
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    };
    let unused = match &written {
        Ok(answer) => answer.invitations.first().is_none_or(|it| it.uid != asked[0].guest.id.to_string()),
        Err(error) => error.is_refusal(),
    };
    if unused {
        let ids: Vec<Uuid> = asked.iter().map(|asked| asked.guest.id).collect();
        policy::release(service, root, &ids).await;
    }
    written
}

fn prefix(index: usize) -> String {
    format!("requests[{index}].")
}

fn parse(
    service: &Invitation,
    request: &pb::BatchCreateInvitationsRequest,
) -> Result<(CommunityName, Vec<Asked>), Error> {
    let mut violations = Violations::default();
    let root = violations.check("parent", request.parent.parse::<CommunityName>());
    let number_fits = REQUESTS.contains(&request.requests.len());
    violations.require(number_fits, "requests", "must hold 1 to 100 invitations");
    let mut all = Vec::new();
    for (index, one) in request.requests.iter().enumerate().take(*REQUESTS.end()) {
        let at = prefix(index);
        let same = one.parent.is_empty() || one.parent == request.parent;
        violations.require(same, format!("{at}parent"), "must be empty or that of the batch");
        violations.require(
            one.request_id.is_empty(),
            format!("{at}request_id"),
            "must be empty: the batch has one",
        );
        violations.require(
            !one.validate_only,
            format!("{at}validate_only"),
            "must not be set: the batch is looked at as a whole",
        );
        all.extend(Asked::parse(service, &at, one, &mut violations));
    }
    parse_request_id(&request.request_id, &mut violations);
    violations.finish()?;
    Ok((root.ok_or_else(|| Failure::internal("not parsed"))?, all))
}

/// The terms of each, or the refusals of all that cannot be.
fn terms_of_all(
    service: &Invitation,
    caller: &Caller,
    root: CommunityName,
    asked: &[Asked],
    verdicts: Vec<Verdict>,
) -> Result<Vec<Terms>, Error> {
    let inviter = caller.actor()?;
    let (mut all, mut refusals) = (Vec::new(), Vec::new());
    for (index, (asked, verdict)) in asked.iter().zip(verdicts).enumerate() {
        let (judged, place) = match verdict {
            Ok(judged) => judged,
            Err(refusal) => {
                refusals.push((index, refusal));
                continue;
            }
        };
        let (terms, wrong) = asked.terms_and_refusals(service, root, inviter, &judged, &prefix(index));
        for error in judged.obstacles(place, &asked.guest.email).into_iter().chain(wrong) {
            refusals.push((index, refusal::tell(error)?));
        }
        all.push(terms);
    }
    if refusals.is_empty() { Ok(all) } else { Err(refused(refusals)) }
}

/// Want of authority is told alone: nothing else may be told then.
fn refused(refusals: Vec<(usize, InvitationRefusal)>) -> Error {
    let denied = refusals.iter().find(|(_, refusal)| refusal::denies(refusal));
    if let Some((_, denied)) = denied {
        let of = |key: &str| denied.metadata.get(key).cloned().unwrap_or_default();
        return Failure::PermissionDenied { permission: of("permission"), resource: of("resource") }.into();
    }
    Error::BatchRefused(refusals)
}

/// Writes all, or none.
async fn write(
    service: &Invitation,
    once: &Once,
    asked: &[Asked],
    terms: &[Terms],
) -> Result<pb::BatchCreateInvitationsResponse, Error> {
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let Some(first) = terms.first() else { return Err(Failure::internal("an empty batch").into()) };
    let number = u32::try_from(asked.len()).map_err(Failure::internal)?;
    let allowances = limits::take(service, &change, first.inviter.principal, first.root, number).await?;
    let drafts: Vec<(&Terms, &Guest)> = terms.iter().zip(asked.iter().map(|asked| &asked.guest)).collect();
    let (mut invitations, mut refusals) = (Vec::new(), Vec::new());
    for (index, written) in draft::write_all(service, &change, &drafts).await?.into_iter().enumerate() {
        match written {
            Ok((row, grants)) => invitations.push(row.to_proto(&grants, service.clock.now())),
            Err(error) => refusals.push((index, refusal::tell(error)?)),
        }
    }
    if !refusals.is_empty() {
        return Err(refused(refusals));
    }
    let answer = pb::BatchCreateInvitationsResponse { invitations, allowances, previews: Vec::new() };
    once.commit(change, &answer).await?;
    tracing::info!(invitations = answer.invitations.len(), "a batch of invitations created");
    Ok(answer)
}

async fn preview_all(
    service: &Invitation,
    caller: &Caller,
    root: CommunityName,
    asked: &[Asked],
) -> Result<pb::BatchCreateInvitationsResponse, Error> {
    let mut answer = pb::BatchCreateInvitationsResponse::default();
    for (index, asked) in asked.iter().enumerate() {
        answer.previews.push(preview::of_one(service, caller, root, asked, &prefix(index)).await?);
    }
    Ok(answer)
}
