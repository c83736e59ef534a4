//! What requests may say. Functions note what is wrong and go on, so that the caller learns all of it at
//! once.

use std::collections::HashSet;

use usher_api::community::{EffectiveRole, Grant, GrantOutcome, Inheritance};
use usher_api::name::{CommunityName, InvalidName};
use usher_runtime::Violations;
pub(crate) use usher_runtime::fields::{name_key, order_by, required, search, search_key, update_mask};

/// How many communities an offer may name, and how many roles in each. The invitation service has the same
/// bounds.
const MOST_GRANTS: usize = 100;
const MOST_ROLES: usize = 20;
/// No role name is longer.
const ROLE_LENGTH: std::ops::RangeInclusive<usize> = 1..=200;

/// Roles in a community, of the right shape. Whether community and roles exist is another matter.
#[derive(Clone, Debug)]
pub(crate) struct AskedGrant {
    /// Where the grant is in the request, such as `grants[2]`.
    pub(crate) field: String,
    pub(crate) community: CommunityName,
    /// As they were named, in any of the accepted ways.
    pub(crate) roles: Vec<String>,
    pub(crate) inheritance: Inheritance,
}

impl AskedGrant {
    /// The grant as it was asked for, and what became of it.
    pub(crate) fn to_proto(&self, outcome: GrantOutcome) -> Grant {
        Grant {
            community: self.community.to_string(),
            roles: self.roles.clone(),
            inheritance: self.inheritance.into(),
            outcome: outcome.into(),
            offered_roles: Vec::new(),
        }
    }
}

/// The roles of a member, as grants in his community, if that is known: one for each way in which they reach.
pub(crate) fn member_roles(
    community: Option<CommunityName>,
    listed: &[EffectiveRole],
    violations: &mut Violations,
) -> Vec<AskedGrant> {
    let number_fits = (1..=MOST_ROLES).contains(&listed.len());
    violations.require(number_fits, "member.roles", format_args!("must hold 1 to {MOST_ROLES} roles"));
    let mut grants: Vec<AskedGrant> = Vec::new();
    for (place, role) in listed.iter().enumerate().take(MOST_ROLES) {
        let field = format!("member.roles[{place}]");
        violations.length(&format!("{field}.role"), &role.role, ROLE_LENGTH);
        let Ok(inheritance) = Inheritance::try_from(role.inheritance) else {
            violations.add(format!("{field}.inheritance"), "must be a known value");
            continue;
        };
        match grants.iter_mut().find(|grant| grant.inheritance == inheritance) {
            Some(grant) => grant.roles.push(role.role.clone()),
            None => grants.extend(community.map(|community| AskedGrant {
                field,
                community,
                roles: vec![role.role.clone()],
                inheritance,
            })),
        }
    }
    grants
}

/// `communities/{community}/settings`.
pub(crate) fn settings_name(text: &str) -> Result<CommunityName, InvalidName> {
    let name = text.strip_suffix("/settings").and_then(|community| community.parse().ok());
    name.ok_or(InvalidName { pattern: "communities/{community}/settings" })
}

/// The field `grants`.
pub(crate) fn grants(grants: Vec<Grant>, violations: &mut Violations) -> Vec<AskedGrant> {
    let number_fits = (1..=MOST_GRANTS).contains(&grants.len());
    violations.require(number_fits, "grants", format_args!("must hold 1 to {MOST_GRANTS} grants"));
    let mut named = HashSet::new();
    let mut asked = Vec::new();
    for (index, grant) in grants.into_iter().enumerate().take(MOST_GRANTS) {
        let field = format!("grants[{index}]");
        let parsed: Result<CommunityName, InvalidName> = grant.community.parse();
        let community = violations.check(format!("{field}.community"), parsed);
        let again = community.is_some_and(|community| !named.insert(community));
        violations.require(!again, format!("{field}.community"), "must not be named twice");
        roles(&format!("{field}.roles"), &grant.roles, violations);
        let inheritance = Inheritance::try_from(grant.inheritance);
        violations.require(inheritance.is_ok(), format!("{field}.inheritance"), "must be a known value");
        if let (Some(community), Ok(inheritance)) = (community, inheritance) {
            asked.push(AskedGrant { field, community, roles: grant.roles, inheritance });
        }
    }
    asked
}

fn roles(field: &str, roles: &[String], violations: &mut Violations) {
    let number_fits = (1..=MOST_ROLES).contains(&roles.len());
    violations.require(number_fits, field, format_args!("must hold 1 to {MOST_ROLES} roles"));
    for (place, role) in roles.iter().enumerate().take(MOST_ROLES) {
        violations.length(&format!("{field}[{place}]"), role, ROLE_LENGTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0199c0de-0000-7000-8000-000000000001";

    fn grant(community: &str, roles: &[&str], inheritance: i32) -> Grant {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Grant { community: community.to_owned(), roles, inheritance, ..Grant::default() }
    }

    #[test]
    fn notes_every_fault_of_every_grant() {
        let community = format!("communities/{ID}");
        let list = vec![
            grant(&community, &[], 0),
            grant(&community, &["guest", ""], 77),
            grant("alpine", &["guest"], 0),
        ];
        let mut violations = Violations::default();
        grants(list, &mut violations);
        let fields: Vec<_> = violations.iter().map(|(field, _)| field).collect();
        let expected = [
            "grants[0].roles",
            "grants[1].community",
            "grants[1].roles[1]",
            "grants[1].inheritance",
            "grants[2].community",
        ];
        assert_eq!(fields, expected);
    }
}
