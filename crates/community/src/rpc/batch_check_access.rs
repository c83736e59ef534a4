use std::collections::BTreeSet;

use usher_api::community as pb;
use usher_api::name::{CommunityName, PrincipalName, UserName};
use usher_runtime::{Actor, Caller, Failure, Violations};

use crate::Community;
use crate::access::Reach;
use crate::authority::{Holdings, curious, denied, questions};
use crate::catalogue::{MEMBERS_LIST, canonical};
use crate::consistency::ConsistencyToken;
use crate::error::Error;

const MOST_CHECKS: usize = 1_000;

pub(crate) async fn batch_check_access(
    service: &Community,
    caller: &Caller,
    request: pb::BatchCheckAccessRequest,
) -> Result<pb::BatchCheckAccessResponse, Error> {
    let mut violations = Violations::default();
    let number_fits = (1..=MOST_CHECKS).contains(&request.checks.len());
    violations.require(number_fits, "checks", format_args!("must hold 1 to {MOST_CHECKS} checks"));
    let mut checks = Vec::new();
    for (index, check) in request.checks.iter().enumerate().take(MOST_CHECKS) {
        checks.extend(Check::parse(&format!("checks[{index}]."), check, &mut violations));
    }
    violations.finish()?;
    let answers = Answers::find(service, caller, &checks, &request.consistency_token).await?;
    let mut results = Vec::with_capacity(checks.len());
    for check in &checks {
        results.push(pb::CheckAccessResponse { allowed: answers.allowed(check)? });
    }
    Ok(pb::BatchCheckAccessResponse { results })
}

/// A question: may `actor` do in `community` what `permission` allows?
pub(super) struct Check {
    pub(super) actor: Actor,
    pub(super) community: CommunityName,
    /// As it was named.
    pub(super) permission: String,
}

impl Check {
    /// Reads a check whose fields are named with `prefix`.
    pub(super) fn parse(
        prefix: &str,
        asked: &pb::CheckAccessRequest,
        violations: &mut Violations,
    ) -> Option<Self> {
        let actor = parse_actor(prefix, &asked.user, &asked.on_behalf_of, violations);
        let community = violations.check(format!("{prefix}community"), asked.community.parse());
        let named = !asked.permission.is_empty();
        violations.require(named, format!("{prefix}permission"), "must not be empty");
        let permission = asked.permission.clone();
        Some(Self { actor: actor?, community: community?, permission }).filter(|_| named)
    }
}

/// Reads who is asked about, from the fields `user` and `on_behalf_of`.
pub(super) fn parse_actor(
    prefix: &str,
    user: &str,
    on_behalf_of: &str,
    violations: &mut Violations,
) -> Option<Actor> {
    let principal = violations.check(format!("{prefix}user"), user.parse::<PrincipalName>());
    if on_behalf_of.is_empty() {
        return principal.map(Actor::from);
    }
    let field = format!("{prefix}on_behalf_of");
    let represented = violations.check(field.clone(), on_behalf_of.parse::<UserName>());
    let is_account = principal.is_none_or(|name| matches!(name, PrincipalName::ServiceAccount(_)));
    violations.require(is_account, field, "must be empty unless `user` is a service account");
    Some(Actor { principal: principal?, on_behalf_of: Some(represented?) }).filter(|_| is_account)
}

/// What it takes to answer checks.
pub(super) struct Answers {
    pub(super) holdings: Holdings,
}

impl Answers {
    /// Reads it, in one statement however many checks there are, and whether the caller may ask them.
    pub(super) async fn find(
        service: &Community,
        caller: &Caller,
        checks: &[Check],
        token: &str,
    ) -> Result<Self, Error> {
        let token = ConsistencyToken::open(service, token);
        let mut asked = BTreeSet::new();
        for check in checks {
            asked.extend(questions(check.actor, check.community, canonical(&check.permission)));
            if let Some(observer) = asker(caller, check.actor)? {
                asked.extend(questions(observer, check.community, MEMBERS_LIST));
            }
        }
        let opened = token.as_ref().ok().and_then(Option::as_ref);
        let (holdings, reached) = Holdings::load_with(&*service.database, &asked, opened).await?;
        for check in checks {
            let Some(observer) = asker(caller, check.actor)? else { continue };
            let held = holdings.of(observer, check.community);
            let sees = holdings.permission(MEMBERS_LIST).is_some_and(|it| held.allows(it, Reach::Here));
            if !sees {
                return Err(denied(MEMBERS_LIST, check.community).into());
            }
        }
        // Authority comes before the rest, and a wrong token is part of that.
        ConsistencyToken::require(token?.as_ref(), reached)?;
        Ok(Self { holdings })
    }

    /// The answer to one of the checks.
    pub(super) fn allowed(&self, check: &Check) -> Result<bool, Error> {
        let permission = self.holdings.permission(canonical(&check.permission));
        let permission = permission.ok_or_else(|| Error::UnknownPermission(check.permission.clone()))?;
        Ok(self.holdings.of(check.actor, check.community).allows(permission, Reach::Here))
    }
}

/// Who must hold `members.list` to be told what `actor` may do. A service account that asks about itself may ask about what it may do
/// on behalf of those for whom it calls, and of no others: the answers would tell what these may do.
fn asker(caller: &Caller, actor: Actor) -> Result<Option<Actor>, Failure> {
    if caller.service.is_none() && actor.on_behalf_of.is_some() && caller.actor()? != actor {
        return Ok(Some(caller.actor()?));
    }
    curious(caller, actor.principal)
}
