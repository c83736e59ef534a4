use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{self as pb, AppliedGrants, GrantOutcome, GrantRefusal, RefusedGrants};
use usher_api::name::{CommunityName, InvitationName, UserName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};
use uuid::Uuid;

use crate::catalogue::INVITATIONS_CREATE;
use crate::consistency::ConsistencyToken;
use crate::entity::{community, member};
use crate::error::Error;
use crate::grants::{Grant, Judge};
use crate::membership::Gift;
use crate::parse::AskedGrant;
use crate::settings::InForce;
use crate::tree::{self, Held};
use crate::{Community, parse, people, seats, user_state};

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
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    people::know(service, acceptance.invitee).await?;

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let decision = acceptance.decide(service, &change).await?;
    let answer = pb::ApplyGrantsResponse { decision: Some(decision) };
    once.commit(change, &answer).await?;
    acceptance.log(&answer);
    Ok(answer)
}

/// What one grant comes to.
enum Verdict {
    /// It can be given.
    Give(Grant),
    /// It cannot, and that is an outcome too, if another can.
    Outcome(GrantOutcome),
    /// It cannot, and nothing is given of the others either.
    Refuse(GrantRefusal),
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

    /// Gives what can be given, or nothing.
    async fn decide(&self, service: &Community, change: &Change) -> Result<Decision, Error> {
        let Some(held) = tree::hold(change, self.invitation.root).await? else {
            return Ok(refuse(self.places(), GrantRefusal::CommunityNotActive));
        };
        match user_state::require_active(change, self.invitee).await {
            Err(Error::UserNotActive(_)) => return Ok(refuse(self.places(), GrantRefusal::MemberSuspended)),
            other => other?,
        }
        let judge = Judge::load(&**change, self.invitation.root, self.inviter, &self.grants).await?;
        let (mut verdicts, mut refused) = (Vec::new(), Vec::new());
        for asked in &self.grants {
            let verdict = self.judge(change, &judge, asked).await?;
            if let Verdict::Refuse(reason) = verdict {
                refused.push((asked.community, reason));
            }
            verdicts.push(verdict);
        }
        if let Some((_, reason)) = refused.first().copied() {
            return Ok(refuse(refused.into_iter().map(|(place, _)| place), reason));
        }
        if let Some(reason) = nothing_to_give(&verdicts) {
            return Ok(refuse(self.places(), reason));
        }
        Ok(Decision::Applied(self.apply(service, change, held, verdicts).await?))
    }

    fn places(&self) -> impl Iterator<Item = CommunityName> {
        self.grants.iter().map(|grant| grant.community)
    }

    async fn judge(&self, change: &Change, judge: &Judge, asked: &AskedGrant) -> Result<Verdict, Error> {
        match judge.stopped(asked.community) {
            Some(community::State::Deleted) => return Ok(Verdict::Outcome(GrantOutcome::CommunityDeleted)),
            Some(_) => return Ok(Verdict::Refuse(GrantRefusal::CommunityNotActive)),
            None => {}
        }
        if !judge.knows(asked.community) {
            return Ok(Verdict::Outcome(GrantOutcome::CommunityDeleted));
        }
        let grant = match judge.authorize(INVITATIONS_CREATE, asked).and_then(|()| judge.examine(asked)) {
            Ok(grant) => grant,
            Err(Error::UnknownRole { .. }) => return Ok(Verdict::Outcome(GrantOutcome::RoleDeleted)),
            Err(reason) => {
                tracing::debug!(community = %asked.community, %reason, "grant refused");
                return Ok(Verdict::Refuse(GrantRefusal::InviterNotAuthorized));
            }
        };
        match self.membership(change, asked.community).await? {
            Some(member::State::Suspended) => Ok(Verdict::Refuse(GrantRefusal::MemberSuspended)),
            Some(member::State::Active) => Ok(Verdict::Give(grant)),
            Some(member::State::Removed) | None => {
                let free = has_seat(change, asked.community, self.invitation.id).await?;
                Ok(if free { Verdict::Give(grant) } else { Verdict::Outcome(GrantOutcome::SeatLimit) })
            }
        }
    }

    async fn membership(
        &self,
        change: &Change,
        place: CommunityName,
    ) -> Result<Option<member::State>, Error> {
        let row = member::Entity::find()
            .filter(member::Column::CommunityId.eq(place.0))
            .filter(member::Column::UserId.eq(self.invitee.0))
            .one(&**change)
            .await?;
        Ok(row.map(|row| row.state))
    }

    async fn apply(
        &self,
        service: &Community,
        change: &Change,
        held: Held,
        verdicts: Vec<Verdict>,
    ) -> Result<AppliedGrants, Error> {
        let given: Vec<Grant> = verdicts
            .iter()
            .filter_map(|verdict| match verdict {
                Verdict::Give(grant) => Some(grant.clone()),
                Verdict::Outcome(_) | Verdict::Refuse(_) => None,
            })
            .collect();
        let gift = Gift {
            root: self.invitation.root,
            to: self.invitee,
            by: self.inviter,
            invitation: self.invitation.to_string(),
        };
        let mut gained = gift.give(service, change, &given).await?.into_iter();
        seats::convert(change, self.invitation.id).await?;
        let mut grants = Vec::with_capacity(verdicts.len());
        for (asked, verdict) in self.grants.iter().zip(&verdicts) {
            grants.push(match verdict {
                Verdict::Give(grant) => {
                    let gained = gained.next().unwrap_or_default();
                    grant.to_proto(if gained { GrantOutcome::Granted } else { GrantOutcome::AlreadyHeld })
                }
                Verdict::Outcome(outcome) => asked.to_proto(*outcome),
                Verdict::Refuse(_) => asked.to_proto(GrantOutcome::Unspecified),
            });
        }
        Ok(AppliedGrants { grants, consistency_token: ConsistencyToken::seal(service, held)? })
    }

    fn log(&self, answer: &pb::ApplyGrantsResponse) {
        let (invitation, invitee) = (self.invitation, self.invitee);
        let applied = matches!(answer.decision, Some(Decision::Applied(_)));
        tracing::info!(%invitation, %invitee, applied, "grants of {} decided", invitation.id);
    }
}

fn refuse(communities: impl Iterator<Item = CommunityName>, reason: GrantRefusal) -> Decision {
    let communities = communities.map(|community| community.to_string()).collect();
    Decision::Refused(RefusedGrants { communities, reason: reason.into() })
}

/// Why there is nothing to give, if there is nothing.
fn nothing_to_give(verdicts: &[Verdict]) -> Option<GrantRefusal> {
    let outcomes = verdicts.iter().map(|verdict| match verdict {
        Verdict::Outcome(outcome) => Some(*outcome),
        Verdict::Give(_) | Verdict::Refuse(_) => None,
    });
    match outcomes.collect::<Option<Vec<GrantOutcome>>>()?.first()? {
        GrantOutcome::SeatLimit => Some(GrantRefusal::SeatLimitReached),
        GrantOutcome::RoleDeleted => Some(GrantRefusal::RoleDeleted),
        _ => Some(GrantRefusal::CommunityNotActive),
    }
}

/// Whether whoever accepts `invitation` may become an active member.
async fn has_seat(change: &Change, place: CommunityName, invitation: Uuid) -> Result<bool, Error> {
    let Some(row) = community::Entity::find_by_id(place.0).one(&**change).await? else { return Ok(false) };
    let settings = InForce::load(&**change, &row).await?.effective;
    match seats::require_for(change, &row, &settings, invitation).await {
        Ok(()) => Ok(true),
        Err(Error::SeatLimitReached { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}
