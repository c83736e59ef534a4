use std::collections::BTreeMap;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community::apply_grants_response::Decision;
use usher_api::community::{self as pb, AppliedGrants, GrantOutcome, GrantRefusal, RefusedGrants};
use usher_api::name::{CommunityName, InvitationName, PrincipalName, UserName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Change, Once, Violations};
use uuid::Uuid;

use crate::catalogue::INVITATIONS_CREATE;
use crate::consistency::ConsistencyToken;
use crate::entity::{community, member};
use crate::error::Error;
use crate::grants::{Grant, Judge};
use crate::membership::Gift;
use crate::parse::AskedGrant;
use crate::role_drift::{self, Drift, Offered, Ruling};
use crate::settings::{InForce, Settings};
use crate::tree::{self, Held};
use crate::{Community, parse, people, seats, user_state};

/// What is to be decided.
struct Acceptance {
    invitation: InvitationName,
    inviter: Actor,
    invitee: UserName,
    grants: Vec<AskedGrant>,
    offered: Offered,
    confirmed_fingerprint: String,
    annotations: BTreeMap<String, String>,
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
    /// It can, if the person agrees to how its roles changed.
    Ask(Grant, Drift),
    /// It cannot, and that is an outcome too, if another can.
    Outcome(GrantOutcome),
    /// It cannot, and nothing is given of the others either.
    Refuse(GrantRefusal, Drift),
}

impl Acceptance {
    fn parse(request: &pb::ApplyGrantsRequest) -> Result<Self, Error> {
        let mut violations = Violations::default();
        let invitation = violations.check("invitation", request.invitation.parse());
        let giver = parse_inviter(&request.inviter, &request.on_behalf_of, &mut violations);
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
            offered: role_drift::offered(&request.grants),
            confirmed_fingerprint: request.confirmed_fingerprint.clone(),
            annotations: request.annotations.clone().into_iter().collect(),
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
        let mut verdicts = Vec::new();
        for asked in &self.grants {
            verdicts.push(self.judge(change, &judge, asked).await?);
        }
        match self.refusal(&verdicts) {
            Some(refused) => Ok(Decision::Refused(refused)),
            None => Ok(Decision::Applied(self.apply(service, change, held, verdicts).await?)),
        }
    }

    /// Why nothing is given, if nothing is.
    fn refusal(&self, verdicts: &[Verdict]) -> Option<RefusedGrants> {
        let because = |reason: GrantRefusal, stopped: &dyn Fn(&Verdict) -> Option<Drift>| {
            let (mut communities, mut drift) = (Vec::new(), Drift::default());
            for (asked, verdict) in self.grants.iter().zip(verdicts) {
                if let Some(changes) = stopped(verdict) {
                    communities.push(asked.community.to_string());
                    drift = drift.and(changes);
                }
            }
            let role_changes = (drift != Drift::default()).then(|| drift.to_proto());
            RefusedGrants { communities, reason: reason.into(), role_changes }
        };
        let refused = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Refuse(reason, _) => Some(*reason),
            _ => None,
        });
        if let Some(worst) = refused.min_by_key(|reason| i32::from(*reason)) {
            return Some(because(worst, &|verdict| match verdict {
                Verdict::Refuse(reason, drift) if *reason == worst => Some(drift.clone()),
                _ => None,
            }));
        }
        let asking = |verdict: &Verdict| match verdict {
            Verdict::Ask(_, drift) => Some(drift.clone()),
            _ => None,
        };
        if let Some(changes) = verdicts.iter().filter_map(asking).reduce(Drift::and)
            && !changes.is_confirmed_by(&self.confirmed_fingerprint)
        {
            return Some(because(GrantRefusal::RoleChangeNotConfirmed, &asking));
        }
        let outcome = nothing_to_give(verdicts)?;
        Some(because(refusal_for(outcome), &|verdict| {
            matches!(verdict, Verdict::Outcome(other) if *other == outcome).then(Drift::default)
        }))
    }

    fn places(&self) -> impl Iterator<Item = CommunityName> {
        self.grants.iter().map(|grant| grant.community)
    }

    async fn judge(&self, change: &Change, judge: &Judge, asked: &AskedGrant) -> Result<Verdict, Error> {
        match judge.stopped(asked.community) {
            Some(community::State::Deleted) => return Ok(Verdict::Outcome(GrantOutcome::CommunityDeleted)),
            Some(_) => return Ok(Verdict::refuse(GrantRefusal::CommunityNotActive)),
            None => {}
        }
        let Some(place) = judge.community(asked.community) else {
            return Ok(Verdict::Outcome(GrantOutcome::CommunityDeleted));
        };
        let grant = match judge.authorize(INVITATIONS_CREATE, asked).and_then(|()| judge.examine(asked)) {
            Ok(grant) => grant,
            Err(Error::UnknownRole { .. }) => return Ok(Verdict::Outcome(GrantOutcome::RoleDeleted)),
            Err(reason) => {
                tracing::debug!(community = %asked.community, %reason, "grant refused");
                return Ok(Verdict::Outcome(GrantOutcome::OverCeiling));
            }
        };
        let settings = InForce::load(&**change, place).await?.effective;
        match self.membership(change, asked.community).await? {
            Some(member::State::Suspended) => return Ok(Verdict::refuse(GrantRefusal::MemberSuspended)),
            Some(member::State::Active) => {}
            Some(member::State::Removed) | None if self.has_seat(change, place, &settings).await? => {}
            Some(member::State::Removed) | None => return Ok(Verdict::Outcome(GrantOutcome::SeatLimit)),
        }
        let drift = Drift::of(judge, &grant, &self.offered);
        Ok(match drift.judged_by(settings.role_drift()) {
            Ruling::Pass => Verdict::Give(grant),
            Ruling::Ask => Verdict::Ask(grant, drift),
            Ruling::Refuse => Verdict::Refuse(GrantRefusal::RoleChanged, drift),
        })
    }

    /// Whether whoever accepts the invitation may become an active member.
    async fn has_seat(
        &self,
        change: &Change,
        place: &community::Model,
        settings: &Settings,
    ) -> Result<bool, Error> {
        match seats::require_for(change, place, settings, self.invitation.id).await {
            Ok(()) => Ok(true),
            Err(Error::SeatLimitReached { .. }) => Ok(false),
            Err(other) => Err(other),
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
        let given: Vec<Grant> = verdicts.iter().filter_map(Verdict::given).cloned().collect();
        let gift = Gift {
            root: self.invitation.root,
            to: self.invitee,
            by: self.inviter.principal,
            invitation: self.invitation.to_string(),
            annotations: self.annotations.clone(),
        };
        let mut gained = gift.give(service, change, &given).await?.into_iter();
        seats::convert(change, self.invitation.id).await?;
        let mut grants = Vec::with_capacity(verdicts.len());
        for (asked, verdict) in self.grants.iter().zip(&verdicts) {
            grants.push(match verdict {
                Verdict::Give(grant) | Verdict::Ask(grant, _) => {
                    let gained = gained.next().unwrap_or_default();
                    grant.to_proto(if gained { GrantOutcome::Granted } else { GrantOutcome::AlreadyHeld })
                }
                Verdict::Outcome(outcome) => asked.to_proto(*outcome),
                Verdict::Refuse(..) => asked.to_proto(GrantOutcome::Unspecified),
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

/// The fields `inviter` and `on_behalf_of`.
pub(super) fn parse_inviter(inviter: &str, on_behalf_of: &str, violations: &mut Violations) -> Option<Actor> {
    let principal = violations.check("inviter", inviter.parse::<PrincipalName>());
    let represented = Some(on_behalf_of).filter(|text| !text.is_empty());
    let Some(represented) = represented else { return principal.map(Actor::from) };
    let represented = violations.check("on_behalf_of", represented.parse());
    Some(Actor { principal: principal?, on_behalf_of: Some(represented?) })
}

impl Verdict {
    fn refuse(reason: GrantRefusal) -> Self {
        Self::Refuse(reason, Drift::default())
    }

    /// What is given, if nothing stands in the way of the others.
    fn given(&self) -> Option<&Grant> {
        match self {
            Self::Give(grant) | Self::Ask(grant, _) => Some(grant),
            Self::Outcome(_) | Self::Refuse(..) => None,
        }
    }
}

fn refuse(communities: impl Iterator<Item = CommunityName>, reason: GrantRefusal) -> Decision {
    let communities = communities.map(|community| community.to_string()).collect();
    Decision::Refused(RefusedGrants { communities, reason: reason.into(), role_changes: None })
}

/// If there is nothing to give, the outcome that says why: what somebody can mend before what nobody can.
fn nothing_to_give(verdicts: &[Verdict]) -> Option<GrantOutcome> {
    let outcomes = verdicts.iter().map(|verdict| match verdict {
        Verdict::Outcome(outcome) => Some(*outcome),
        Verdict::Give(_) | Verdict::Ask(..) | Verdict::Refuse(..) => None,
    });
    let outcomes = outcomes.collect::<Option<Vec<GrantOutcome>>>()?;
    [
        GrantOutcome::OverCeiling,
        GrantOutcome::SeatLimit,
        GrantOutcome::RoleDeleted,
        GrantOutcome::CommunityDeleted,
    ]
    .into_iter()
    .find(|outcome| outcomes.contains(outcome))
}

fn refusal_for(outcome: GrantOutcome) -> GrantRefusal {
    match outcome {
        GrantOutcome::OverCeiling => GrantRefusal::InviterNotAuthorized,
        GrantOutcome::SeatLimit => GrantRefusal::SeatLimitReached,
        GrantOutcome::RoleDeleted => GrantRefusal::RoleDeleted,
        GrantOutcome::CommunityDeleted
        | GrantOutcome::Granted
        | GrantOutcome::AlreadyHeld
        | GrantOutcome::Unspecified => GrantRefusal::CommunityNotActive,
    }
}
