use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{self as pb, AppliedGrants, GrantOutcome, RefusedGrants};
use usher_api::name::{InvitationName, UserName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};
use uuid::Uuid;

use crate::catalogue::INVITATIONS_CREATE;
use crate::entity::community;
use crate::error::Error;
use crate::grants::{Grant, Judge};
use crate::membership::Gift;
use crate::parse::AskedGrant;
use crate::{Community, parse};

/// What is to be decided.
struct Acceptance {
    invitation: InvitationName,
    inviter: UserName,
    invitee: UserName,
    grants: Vec<AskedGrant>,
    request_id: Uuid,
}

pub(crate) async fn apply_grants(
    service: &Community,
    caller: &Caller,
    mut request: pb::ApplyGrantsRequest,
) -> Result<pb::ApplyGrantsResponse, Error> {
    for grant in &mut request.grants {
        // Ours to set. A repeated request may carry what the first one came to, and is still the same.
        grant.outcome = GrantOutcome::Unspecified.into();
    }
    let acceptance = Acceptance::parse(&request)?;
    let request_id = Some(acceptance.request_id);
    let once = Once::new(&service.sealing, &service.clock, caller, "ApplyGrants", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let decision = match acceptance.judge(&change).await? {
        Ok(grants) => Decision::Applied(acceptance.apply(service, &change, &grants).await?),
        Err(refused) => Decision::Refused(refused),
    };
    let answer = pb::ApplyGrantsResponse { decision: Some(decision) };
    once.commit(change, &answer).await?;
    acceptance.log(&answer);
    Ok(answer)
}

impl Acceptance {
    fn parse(request: &pb::ApplyGrantsRequest) -> Result<Self, Error> {
        let mut violations = Violations::default();
        let invitation = violations.check("invitation", request.invitation.parse());
        let giver = violations.check("inviter", request.inviter.parse());
        let guest = violations.check("invitee", request.invitee.parse());
        let grants = parse::grants(request.grants.clone(), &mut violations);
        let chosen = !request.request_id.is_empty();
        violations.require(chosen, "request_id", "must not be empty");
        let request_id = parse_request_id(&request.request_id, &mut violations);
        let acceptance = Self {
            invitation: parse::required(invitation, &mut violations)?,
            inviter: parse::required(giver, &mut violations)?,
            invitee: parse::required(guest, &mut violations)?,
            grants,
            request_id: parse::required(request_id, &mut violations)?,
        };
        violations.finish()?;
        Ok(acceptance)
    }

    /// The grants in their full form, or those that the inviter cannot give any more. Memberships of the tree
    /// stay as they were read until `change` ends.
    async fn judge(&self, change: &Change) -> Result<Result<Vec<Grant>, RefusedGrants>, Error> {
        community::lock(change, self.invitation.root).await?;
        let judge = Judge::load(&**change, self.invitation.root, self.inviter, &self.grants).await?;
        let (mut grants, mut refused) = (Vec::new(), Vec::new());
        for asked in &self.grants {
            // Whatever stands in the way, be it authority or a role that is gone: the inviter cannot give
            // this any more.
            match judge.authorize(INVITATIONS_CREATE, asked).and_then(|()| judge.examine(asked)) {
                Ok(grant) => grants.push(grant),
                Err(reason) => {
                    tracing::debug!(community = %asked.community, %reason, "grant refused");
                    refused.push(asked.community.to_string());
                }
            }
        }
        Ok(if refused.is_empty() { Ok(grants) } else { Err(RefusedGrants { communities: refused }) })
    }

    async fn apply(
        &self,
        service: &Community,
        change: &Change,
        grants: &[Grant],
    ) -> Result<AppliedGrants, Error> {
        let gift = Gift { to: self.invitee, by: self.inviter, invitation: self.invitation.to_string() };
        let gained = gift.give(service, change, grants).await?;
        let outcomes = grants.iter().zip(gained).map(|(grant, gained)| {
            let outcome = if gained { GrantOutcome::Granted } else { GrantOutcome::AlreadyHeld };
            grant.to_proto(outcome)
        });
        Ok(AppliedGrants { grants: outcomes.collect() })
    }

    fn log(&self, answer: &pb::ApplyGrantsResponse) {
        let (invitation, invitee) = (self.invitation, self.invitee);
        let applied = matches!(answer.decision, Some(Decision::Applied(_)));
        tracing::info!(%invitation, %invitee, applied, "grants of {} decided", invitation.id);
    }
}
