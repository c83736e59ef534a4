//! Single settings, from requests and into answers.

use std::collections::BTreeSet;
use std::time::Duration;

use usher_api::community as pb;
use usher_runtime::{EmailAddress, Violations};

use super::MOST_DOMAINS;
use crate::entity::settings::{DirectAddition, PersonalMessages, RoleDrift};

pub(super) fn parse_domains(typed: &[String], violations: &mut Violations) -> BTreeSet<String> {
    let number_fits = (1..=MOST_DOMAINS).contains(&typed.len());
    let field = "settings.allowed_email_domains";
    violations.require(number_fits, field, format_args!("must hold 1 to {MOST_DOMAINS} domains"));
    let mut domains = BTreeSet::new();
    for (place, domain) in typed.iter().enumerate().take(MOST_DOMAINS) {
        // Whatever comes after the @ of an address is a domain, and nothing else is.
        let address: Result<EmailAddress, _> = format!("somebody@{}", domain.trim()).parse();
        let field = format!("{field}.domains[{place}]");
        violations.require(address.is_ok(), field, "must be a domain such as northwind.example");
        domains.extend(address.ok().map(|address| address.domain().to_owned()));
    }
    domains
}

pub(super) fn parse_duration(
    field: &str,
    asked: Option<&prost_types::Duration>,
    range: &std::ops::RangeInclusive<Duration>,
    words: &str,
    violations: &mut Violations,
) -> Option<i64> {
    let asked = asked?;
    let fits =
        Duration::try_from(*asked).is_ok_and(|asked| range.contains(&asked) && asked.subsec_nanos() == 0);
    violations.require(fits, format!("settings.{field}"), format_args!("must be {words}, in whole seconds"));
    fits.then_some(asked.seconds)
}

pub(super) fn parse_direct_addition(asked: i32, violations: &mut Violations) -> Option<DirectAddition> {
    match pb::DirectAddition::try_from(asked) {
        Ok(pb::DirectAddition::Unspecified) => None,
        Ok(pb::DirectAddition::Anybody) => Some(DirectAddition::Anybody),
        Ok(pb::DirectAddition::TreeMembers) => Some(DirectAddition::TreeMembers),
        Ok(pb::DirectAddition::Nobody) => Some(DirectAddition::Nobody),
        Err(_) => {
            violations.add("settings.direct_addition", "must be a known value");
            None
        }
    }
}

pub(super) fn parse_personal_messages(asked: i32, violations: &mut Violations) -> Option<PersonalMessages> {
    match pb::PersonalMessages::try_from(asked) {
        Ok(pb::PersonalMessages::Unspecified) => None,
        Ok(pb::PersonalMessages::Allowed) => Some(PersonalMessages::Allowed),
        Ok(pb::PersonalMessages::Forbidden) => Some(PersonalMessages::Forbidden),
        Err(_) => {
            violations.add("settings.personal_messages", "must be a known value");
            None
        }
    }
}

pub(super) fn direct_addition_to_proto(value: Option<DirectAddition>) -> pb::DirectAddition {
    match value {
        None => pb::DirectAddition::Unspecified,
        Some(DirectAddition::Anybody) => pb::DirectAddition::Anybody,
        Some(DirectAddition::TreeMembers) => pb::DirectAddition::TreeMembers,
        Some(DirectAddition::Nobody) => pb::DirectAddition::Nobody,
    }
}

pub(super) fn parse_role_drift(asked: i32, violations: &mut Violations) -> Option<RoleDrift> {
    match pb::RoleDrift::try_from(asked) {
        Ok(pb::RoleDrift::Unspecified) => None,
        Ok(pb::RoleDrift::AcceptAsOffered) => Some(RoleDrift::AcceptAsOffered),
        Ok(pb::RoleDrift::AskAgain) => Some(RoleDrift::AskAgain),
        Ok(pb::RoleDrift::Refuse) => Some(RoleDrift::Refuse),
        Err(_) => {
            violations.add("settings.role_drift", "must be a known value");
            None
        }
    }
}

pub(super) fn role_drift_to_proto(value: Option<RoleDrift>) -> pb::RoleDrift {
    match value {
        None => pb::RoleDrift::Unspecified,
        Some(RoleDrift::AcceptAsOffered) => pb::RoleDrift::AcceptAsOffered,
        Some(RoleDrift::AskAgain) => pb::RoleDrift::AskAgain,
        Some(RoleDrift::Refuse) => pb::RoleDrift::Refuse,
    }
}
