use std::collections::BTreeSet;

use usher_api::community as pb;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Caller, Violations};

use crate::access::Reach;
use crate::authority::{Holdings, curious_person, denied};
use crate::catalogue::{MEMBERS_LIST, canonical};
use crate::consistency::ConsistencyToken;
use crate::error::Error;
use crate::{Community, parse};

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
        let (user, community) = (&check.user, &check.community);
        let prefix = format!("checks[{index}].");
        checks.extend(Check::parse(&prefix, user, community, &check.permission, &mut violations));
    }
    violations.finish()?;
    let answers = Answers::find(service, caller, &checks, &request.consistency_token).await?;
    let mut results = Vec::with_capacity(checks.len());
    for check in &checks {
        results.push(pb::CheckAccessResponse { allowed: answers.allowed(check)? });
    }
    Ok(pb::BatchCheckAccessResponse { results })
}

/// A question: may `user` do in `community` what `permission` allows?
pub(super) struct Check {
    pub(super) user: UserName,
    pub(super) community: CommunityName,
    /// As it was named.
    pub(super) permission: String,
}

impl Check {
    /// Reads a check whose fields are named with `prefix`.
    pub(super) fn parse(
        prefix: &str,
        user: &str,
        community: &str,
        permission: &str,
        violations: &mut Violations,
    ) -> Option<Self> {
        let user = violations.check(format!("{prefix}user"), user.parse());
        let community = violations.check(format!("{prefix}community"), community.parse());
        let permission = parse::permission(&format!("{prefix}permission"), permission, violations);
        Some(Self { user: user?, community: community?, permission: permission? })
    }
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
            asked.insert((check.user, check.community, canonical(&check.permission).to_owned()));
            let curious = curious_person(caller, check.user)?;
            asked.extend(curious.map(|person| (person, check.community, MEMBERS_LIST.to_owned())));
        }
        let opened = token.as_ref().ok().and_then(Option::as_ref);
        let (holdings, reached) = Holdings::load_with(&*service.database, &asked, opened).await?;
        for check in checks {
            let Some(person) = curious_person(caller, check.user)? else { continue };
            let held = holdings.of(person, check.community);
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
        Ok(self.holdings.of(check.user, check.community).allows(permission, Reach::Here))
    }
}
