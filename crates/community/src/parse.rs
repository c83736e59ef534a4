//! What requests may say. Functions note what is wrong and go on, so that the caller learns all of it at
//! once.

use std::collections::{BTreeSet, HashSet};

use prost_types::FieldMask;
use unicode_normalization::UnicodeNormalization as _;
use usher_api::community::{EffectiveRole, Grant, GrantOutcome, Inheritance};
use usher_api::name::{CommunityName, InvalidName};
use usher_runtime::{Failure, Violations};

use crate::keyset::Direction;

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
        }
    }
}

/// The value of a field without which nothing can be judged, or all that is wrong with the request.
pub(crate) fn required<T>(parsed: Option<T>, violations: &mut Violations) -> Result<T, Failure> {
    let Some(value) = parsed else {
        std::mem::take(violations).finish()?;
        return Err(Failure::internal("a field was neither read nor called wrong"));
    };
    Ok(value)
}

/// The form of a name to compare and to order by: people take `Réviseur` and `RÉVISEUR` for the same, however they are encoded.
pub(crate) fn name_key(name: &str) -> String {
    name.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// What a search looks through, for something with a name and a description.
pub(crate) fn search_key(name: &str, description: &str) -> String {
    name_key(&format!("{name}\n{description}"))
}

/// The longest text to search for.
const SEARCH_LENGTH: std::ops::RangeInclusive<usize> = 0..=100;

/// The field `search`, in the form of keys. `None` if nothing is searched for.
pub(crate) fn search(text: &str, violations: &mut Violations) -> Option<String> {
    violations.length("search", text.trim(), SEARCH_LENGTH);
    Some(name_key(text.trim())).filter(|text| !text.is_empty())
}

/// The field `order_by`: one of `orders`, the first if it is empty, and which way.
pub(crate) fn order_by<T: Copy>(
    text: &str,
    orders: &[(&str, T)],
    violations: &mut Violations,
) -> Option<(T, Direction)> {
    let (field, direction) = text
        .trim()
        .strip_suffix(" desc")
        .map_or((text.trim(), Direction::Ascending), |field| (field, Direction::Descending));
    let order = match field {
        "" if direction == Direction::Ascending => orders.first(),
        field => orders.iter().find(|(name, _)| *name == field),
    };
    let names = orders.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    violations.require(
        order.is_some(),
        "order_by",
        format_args!("must be one of {names}, or this and ` desc`"),
    );
    order.map(|(_, order)| (*order, direction))
}

/// The fields that an update changes: those of the mask, or, without one, those of `filled`, which are set in the request.
pub(crate) fn update_mask<'f>(
    mask: Option<&FieldMask>,
    fields: &[&'f str],
    filled: impl Fn(&str) -> bool,
    violations: &mut Violations,
) -> BTreeSet<&'f str> {
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.is_empty() {
        return fields.iter().copied().filter(|field| filled(field)).collect();
    }
    let mut named = BTreeSet::new();
    for path in paths {
        match fields.iter().find(|field| *field == path) {
            Some(field) => {
                named.insert(*field);
            }
            None => {
                violations
                    .add("update_mask", format_args!("must not name `{path}`, which cannot be changed"));
            }
        }
    }
    named
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
        Grant { community: community.to_owned(), roles, inheritance, outcome: 0 }
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

    #[test]
    fn names_that_look_alike_have_one_key() {
        assert_eq!(name_key("Re\u{301}viseur"), name_key("RÉVISEUR"));
        assert_ne!(name_key("Reviseur"), name_key("Réviseur"));
    }

    #[test]
    fn lists_are_ordered_by_a_known_field() {
        let orders = [("display_name", 1), ("create_time", 2)];
        let read = |text: &str| {
            let mut violations = Violations::default();
            let order = order_by(text, &orders, &mut violations);
            (order, violations.iter().count())
        };
        assert_eq!(read(""), (Some((1, Direction::Ascending)), 0));
        assert_eq!(read("create_time desc"), (Some((2, Direction::Descending)), 0));
        for wrong in [" desc", "desc", "name", "display_name asc", "display_name, create_time"] {
            assert_eq!(read(wrong).1, 1, "{wrong}");
        }
    }

    #[test]
    fn a_mask_names_only_what_can_be_changed() {
        let fields = ["display_name", "description"];
        let mut violations = Violations::default();
        let filled = update_mask(None, &fields, |field| field == "description", &mut violations);
        assert_eq!(filled, BTreeSet::from(["description"]));
        let mask = FieldMask { paths: vec!["display_name".to_owned(), "kind".to_owned()] };
        let named = update_mask(Some(&mask), &fields, |_| true, &mut violations);
        assert_eq!((named, violations.iter().count()), (BTreeSet::from(["display_name"]), 1));
    }

    #[test]
    fn tells_all_faults_when_one_field_cannot_be_done_without() {
        let mut violations = Violations::default();
        violations.add("page_size", "must not be negative");
        violations.add("parent", "must be a name");
        let refused = required(None::<CommunityName>, &mut violations);
        assert!(matches!(refused, Err(Failure::InvalidFields(all)) if all.iter().count() == 2));
    }
}
