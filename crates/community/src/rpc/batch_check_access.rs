use usher_api::community as pb;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Caller, Violations};

use crate::Community;
use crate::access::Reach;
use crate::authority::{Holdings, curious_person, denied};
use crate::catalogue::{self, MEMBERS_LIST};
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
    for (index, check) in request.checks.into_iter().enumerate().take(MOST_CHECKS) {
        checks.extend(Check::parse(&format!("checks[{index}]."), check, &mut violations));
    }
    violations.finish()?;
    let results = answer_all(service, caller, &checks).await?;
    Ok(pb::BatchCheckAccessResponse { results })
}

/// A question: may `user` do in `community` what `permission` allows?
pub(super) struct Check {
    user: UserName,
    community: CommunityName,
    /// As it was named.
    permission: String,
}

impl Check {
    /// Reads a check whose fields are named with `prefix`.
    pub(super) fn parse(
        prefix: &str,
        request: pb::CheckAccessRequest,
        violations: &mut Violations,
    ) -> Option<Self> {
        let user = violations.check(format!("{prefix}user"), request.user.parse());
        let community = violations.check(format!("{prefix}community"), request.community.parse());
        let named = !request.permission.is_empty();
        violations.require(named, format!("{prefix}permission"), "must not be empty");
        Some(Self { user: user?, community: community?, permission: request.permission }).filter(|_| named)
    }
}

/// Answers `checks` in their order, in two queries however many there are.
pub(super) async fn answer_all(
    service: &Community,
    caller: &Caller,
    checks: &[Check],
) -> Result<Vec<pb::CheckAccessResponse>, Error> {
    let mut places: Vec<_> = checks.iter().map(|check| (check.user, check.community)).collect();
    for check in checks {
        places.extend(curious_person(caller, check.user)?.map(|person| (person, check.community)));
    }
    let holdings = Holdings::load(&*service.database, places).await?;
    let names = checks.iter().map(|check| catalogue::canonical(&check.permission)).chain([MEMBERS_LIST]);
    let known = catalogue::named(&*service.database, names, holdings.custom_roles()).await?;

    for check in checks {
        let Some(person) = curious_person(caller, check.user)? else { continue };
        let held = holdings.of(person, check.community);
        if !known.get(MEMBERS_LIST).is_some_and(|permission| held.allows(permission, Reach::Here)) {
            return Err(denied(MEMBERS_LIST, check.community).into());
        }
    }
    let mut answers = Vec::with_capacity(checks.len());
    for check in checks {
        let permission = known.get(catalogue::canonical(&check.permission));
        let permission = permission.ok_or_else(|| Error::UnknownPermission(check.permission.clone()))?;
        let allowed = holdings.of(check.user, check.community).allows(permission, Reach::Here);
        answers.push(pb::CheckAccessResponse { allowed });
    }
    Ok(answers)
}
