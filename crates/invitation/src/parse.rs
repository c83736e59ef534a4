//! What requests may say. Every function notes what is wrong and goes on, so that the caller learns all of it at once.

use std::collections::HashSet;
use std::time::Duration;

use usher_api::community::{Grant, Inheritance};
use usher_api::name::{CommunityName, InvalidName, InvitationName};
use usher_runtime::{Failure, Timestamp, Violations};

use crate::config::Config;

/// How many communities one invitation may name, and how many roles in each. The community service has the same bounds.
const MOST_GRANTS: usize = 100;
const MOST_ROLES: usize = 20;

/// The name of an invitation: the one field that must be right before anything can be looked up.
pub(crate) fn invitation_name(field: &str, name: &str) -> Result<InvitationName, Failure> {
    let mut violations = Violations::default();
    let parsed = violations.check(field, name.parse());
    violations.finish()?;
    parsed.ok_or_else(|| Failure::internal("a name without violations was not parsed"))
}

/// The shape of grants. Whether the communities and roles exist is for the community service to say.
pub(crate) fn grants(field: &str, grants: &[Grant], violations: &mut Violations) {
    let number_fits = (1..=MOST_GRANTS).contains(&grants.len());
    violations.require(number_fits, field, format_args!("must hold 1 to {MOST_GRANTS} grants"));
    let mut seen = HashSet::new();
    for (index, grant) in grants.iter().enumerate().take(MOST_GRANTS) {
        let at = |part: &str| format!("{field}[{index}].{part}");
        let community: Result<CommunityName, InvalidName> = grant.community.parse();
        if let Some(community) = violations.check(at("community"), community) {
            violations.require(seen.insert(community), at("community"), "must not be named twice");
        }
        let roles_fit = (1..=MOST_ROLES).contains(&grant.roles.len());
        violations.require(roles_fit, at("roles"), format_args!("must hold 1 to {MOST_ROLES} roles"));
        for (place, role) in grant.roles.iter().enumerate().take(MOST_ROLES) {
            violations.length(&format!("{}[{place}]", at("roles")), role, 1..=200);
        }
        let known = Inheritance::try_from(grant.inheritance).is_ok();
        violations.require(known, at("inheritance"), "must be a known value");
    }
}

/// How long the invitation is to live, if that is said. The settings of its communities may let it live less long.
pub(crate) fn ttl(
    field: &str,
    asked: Option<&prost_types::Duration>,
    config: &Config,
    violations: &mut Violations,
) -> Option<Duration> {
    let (least, most) = (config.min_ttl, config.max_ttl);
    let ttl = duration(asked?).filter(|ttl| (least..=most).contains(ttl));
    violations.require(
        ttl.is_some(),
        field,
        format_args!("must be {} s to {} s", least.as_secs(), most.as_secs()),
    );
    ttl
}

/// Until when the invitation lives, given as a moment: as far ahead as a `ttl` may be.
pub(crate) fn expire_time(
    field: &str,
    asked: Option<prost_types::Timestamp>,
    now: Timestamp,
    config: &Config,
    violations: &mut Violations,
) -> Timestamp {
    let asked = asked.map_or(Timestamp(0), Timestamp::from);
    let (least, most) = (now.after(config.min_ttl), now.after(config.max_ttl));
    violations.require(
        (least..=most).contains(&asked),
        field,
        format_args!("must be {} s to {} s ahead", config.min_ttl.as_secs(), config.max_ttl.as_secs()),
    );
    asked
}

/// A duration that is not negative. The conversion of `prost_types` overflows on the most negative one.
fn duration(proto: &prost_types::Duration) -> Option<Duration> {
    let nanos = u32::try_from(proto.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(proto.seconds).ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0199c0de-0000-7000-8000-000000000001";

    fn faults(list: &[Grant]) -> Vec<String> {
        let mut violations = Violations::default();
        grants("grants", list, &mut violations);
        violations.iter().map(|(field, _)| field.to_owned()).collect()
    }

    fn grant(community: &str, roles: &[&str], inheritance: i32) -> Grant {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Grant { community: community.to_owned(), roles, inheritance, outcome: 0 }
    }

    #[test]
    fn notes_every_fault_of_every_grant() {
        let community = format!("communities/{ID}");
        let list = [
            grant(&community, &[], 0),
            grant(&community, &["guest", ""], 77),
            grant("alpine", &["guest"], 0),
        ];
        assert_eq!(
            faults(&list),
            [
                "grants[0].roles",
                "grants[1].community",
                "grants[1].roles[1]",
                "grants[1].inheritance",
                "grants[2].community"
            ]
        );
        assert_eq!(faults(&[]), ["grants"]);
    }

    #[test]
    fn keeps_the_life_within_bounds() {
        let config = Config::default();
        let seconds = |seconds| prost_types::Duration { seconds, nanos: 0 };
        for outside in [seconds(0), seconds(-5), seconds(3_599), seconds(31 * 24 * 3_600), seconds(i64::MIN)]
        {
            let mut violations = Violations::default();
            ttl("ttl", Some(&outside), &config, &mut violations);
            assert_eq!(violations.iter().count(), 1, "{outside:?}");
        }
        assert_eq!(ttl("ttl", None, &config, &mut Violations::default()), None);
    }
}
