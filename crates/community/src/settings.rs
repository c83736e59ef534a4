//! What communities ask of their members. What an MSSP community asks holds inside it too: of two, the stricter wins.

mod fields;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::{EmailAddress, Timestamp, Violations};
use uuid::Uuid;

use fields::{
    direct_addition_to_proto, parse_direct_addition, parse_domains, parse_duration, parse_personal_messages,
    parse_role_drift, role_drift_to_proto,
};

use crate::entity::community;
use crate::entity::settings::{Column, DirectAddition, Entity, Model, PersonalMessages, RoleDrift};
use crate::error::Error;

const MOST_DOMAINS: usize = 100;
const SEATS: std::ops::RangeInclusive<i32> = 0..=10_000_000;
const HOUR: Duration = Duration::from_hours(1);
/// What the product calls a month.
const MONTH: Duration = Duration::from_hours(30 * 24);
const INVITATION_LIFE: std::ops::RangeInclusive<Duration> = HOUR..=MONTH;
const SESSION_DURATION: std::ops::RangeInclusive<Duration> = Duration::from_mins(15)..=MONTH;

/// Settings of a community, or those that hold in one. The default asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Canonical domains. None means any, no domain means nobody.
    pub(crate) allowed_email_domains: Option<BTreeSet<String>>,
    pub(crate) seat_limit: Option<i64>,
    /// In seconds, as are all durations here.
    pub(crate) max_invitation_life: Option<i64>,
    pub(crate) enforce_two_factor: bool,
    pub(crate) session_duration: Option<i64>,
    pub(crate) deactivate_inactive_members: bool,
    pub(crate) direct_addition: Option<DirectAddition>,
    pub(crate) role_drift: Option<RoleDrift>,
    pub(crate) personal_messages: Option<PersonalMessages>,
}

impl Settings {
    /// What holds where both hold.
    pub(crate) fn strictest(self, other: Self) -> Self {
        let both = |one: Option<BTreeSet<String>>, two: Option<BTreeSet<String>>| match (one, two) {
            (Some(one), Some(two)) => Some(one.intersection(&two).cloned().collect()),
            (one, two) => one.or(two),
        };
        Self {
            allowed_email_domains: both(self.allowed_email_domains, other.allowed_email_domains),
            seat_limit: least(self.seat_limit, other.seat_limit),
            max_invitation_life: least(self.max_invitation_life, other.max_invitation_life),
            enforce_two_factor: self.enforce_two_factor || other.enforce_two_factor,
            session_duration: least(self.session_duration, other.session_duration),
            deactivate_inactive_members: self.deactivate_inactive_members
                || other.deactivate_inactive_members,
            direct_addition: self.direct_addition.max(other.direct_addition),
            role_drift: self.role_drift.max(other.role_drift),
            personal_messages: self.personal_messages.max(other.personal_messages),
        }
    }

    /// Whether a member may have an address of this canonical domain.
    pub(crate) fn allows_domain(&self, domain: &str) -> bool {
        self.allowed_email_domains.as_ref().is_none_or(|domains| domains.contains(domain))
    }

    /// Refuses somebody with the address `email`, if members of `community` may not have such.
    pub(crate) fn require_domain(&self, community: CommunityName, email: &str) -> Result<(), Error> {
        let address: Option<EmailAddress> = email.parse().ok();
        let domain = address.map(|address| address.domain().to_owned()).unwrap_or_default();
        if self.allows_domain(&domain) {
            return Ok(());
        }
        Err(Error::EmailDomainNotAllowed { community, domain })
    }

    /// Who may be made a member without being asked.
    pub(crate) fn direct_addition(&self) -> DirectAddition {
        self.direct_addition.unwrap_or(DirectAddition::Anybody)
    }

    /// What becomes of offers of roles that were changed.
    pub(crate) fn role_drift(&self) -> RoleDrift {
        self.role_drift.unwrap_or(RoleDrift::AcceptAsOffered)
    }

    pub(crate) fn personal_messages_to_proto(&self) -> pb::PersonalMessages {
        match self.personal_messages {
            None => pb::PersonalMessages::Unspecified,
            Some(PersonalMessages::Allowed) => pb::PersonalMessages::Allowed,
            Some(PersonalMessages::Forbidden) => pb::PersonalMessages::Forbidden,
        }
    }

    /// Sets the fields that `mask` names to what the request says.
    pub(crate) fn update(
        &mut self,
        asked: &pb::CommunitySettings,
        mask: &BTreeSet<&str>,
        violations: &mut Violations,
    ) {
        for field in mask {
            match *field {
                "allowed_email_domains" => {
                    self.allowed_email_domains =
                        asked.allowed_email_domains.as_ref().map(|it| parse_domains(&it.domains, violations));
                }
                "seat_limit" => {
                    let fits = SEATS.contains(&asked.seat_limit);
                    violations.require(fits, "settings.seat_limit", "must be 0 to 10,000,000");
                    self.seat_limit = Some(i64::from(asked.seat_limit)).filter(|limit| *limit > 0);
                }
                "max_invitation_life" => {
                    let asked = asked.max_invitation_life.as_ref();
                    self.max_invitation_life = parse_duration(
                        "max_invitation_life",
                        asked,
                        &INVITATION_LIFE,
                        "1 hour to 30 days",
                        violations,
                    );
                }
                "enforce_two_factor" => self.enforce_two_factor = asked.enforce_two_factor,
                "session_duration" => {
                    let asked = asked.session_duration.as_ref();
                    self.session_duration = parse_duration(
                        "session_duration",
                        asked,
                        &SESSION_DURATION,
                        "15 minutes to 30 days",
                        violations,
                    );
                }
                "deactivate_inactive_members" => {
                    self.deactivate_inactive_members = asked.deactivate_inactive_members;
                }
                "direct_addition" => {
                    self.direct_addition = parse_direct_addition(asked.direct_addition, violations);
                }
                "personal_messages" => {
                    self.personal_messages = parse_personal_messages(asked.personal_messages, violations);
                }
                _ => self.role_drift = parse_role_drift(asked.role_drift, violations),
            }
        }
    }

    /// The row that keeps these settings as those of `community`.
    pub(crate) fn to_row(&self, community: CommunityName, version: i64, now: Timestamp) -> Model {
        let join = |domains: &BTreeSet<String>| domains.iter().cloned().collect::<Vec<_>>().join(",");
        Model {
            community_id: community.0,
            allowed_email_domains: self.allowed_email_domains.as_ref().map(join),
            seat_limit: self.seat_limit,
            max_invitation_life: self.max_invitation_life,
            enforce_two_factor: self.enforce_two_factor,
            session_duration: self.session_duration,
            deactivate_inactive_members: self.deactivate_inactive_members,
            direct_addition: self.direct_addition,
            role_drift: self.role_drift,
            personal_messages: self.personal_messages,
            version,
            update_time: now,
        }
    }

    /// The resource. `row` is what is stored of it, none for the settings that hold.
    pub(crate) fn to_proto(&self, community: CommunityName, row: Option<&Model>) -> pb::CommunitySettings {
        let domains = self.allowed_email_domains.as_ref();
        let duration =
            |seconds: Option<i64>| seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        pb::CommunitySettings {
            name: format!("{community}/settings"),
            allowed_email_domains: domains
                .map(|domains| pb::EmailDomains { domains: domains.iter().cloned().collect() }),
            seat_limit: self.seat_limit.and_then(|limit| i32::try_from(limit).ok()).unwrap_or(0),
            max_invitation_life: duration(self.max_invitation_life),
            enforce_two_factor: self.enforce_two_factor,
            session_duration: duration(self.session_duration),
            deactivate_inactive_members: self.deactivate_inactive_members,
            direct_addition: direct_addition_to_proto(self.direct_addition).into(),
            role_drift: role_drift_to_proto(self.role_drift).into(),
            personal_messages: self.personal_messages_to_proto().into(),
            etag: row.map(|row| row.version.to_string()).unwrap_or_default(),
            update_time: row.filter(|row| row.version > 0).map(|row| row.update_time.into()),
        }
    }
}

/// The fields that can be changed.
pub(crate) const FIELDS: [&str; 9] = [
    "allowed_email_domains",
    "seat_limit",
    "max_invitation_life",
    "enforce_two_factor",
    "session_duration",
    "deactivate_inactive_members",
    "direct_addition",
    "role_drift",
    "personal_messages",
];

/// Whether `field` of settings is set in a request.
pub(crate) fn is_filled(asked: &pb::CommunitySettings, field: &str) -> bool {
    match field {
        "allowed_email_domains" => asked.allowed_email_domains.is_some(),
        "seat_limit" => asked.seat_limit != 0,
        "max_invitation_life" => asked.max_invitation_life.is_some(),
        "enforce_two_factor" => asked.enforce_two_factor,
        "session_duration" => asked.session_duration.is_some(),
        "deactivate_inactive_members" => asked.deactivate_inactive_members,
        "direct_addition" => asked.direct_addition != 0,
        "personal_messages" => asked.personal_messages != 0,
        _ => asked.role_drift != 0,
    }
}

fn least(one: Option<i64>, two: Option<i64>) -> Option<i64> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

impl From<&Model> for Settings {
    fn from(row: &Model) -> Self {
        let domains = row.allowed_email_domains.as_ref();
        Self {
            allowed_email_domains: domains.map(|domains| domains.split(',').map(str::to_owned).collect()),
            seat_limit: row.seat_limit,
            max_invitation_life: row.max_invitation_life,
            enforce_two_factor: row.enforce_two_factor,
            session_duration: row.session_duration,
            deactivate_inactive_members: row.deactivate_inactive_members,
            direct_addition: row.direct_addition,
            role_drift: row.role_drift,
            personal_messages: row.personal_messages,
        }
    }
}

/// The settings that a community made, and those that hold there.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    /// What is stored. A community that never said anything has version 0.
    pub(crate) row: Model,
    pub(crate) effective: Settings,
}

impl InForce {
    /// Reads the settings of `community`.
    pub(crate) async fn load(
        connection: &impl ConnectionTrait,
        community: &community::Model,
    ) -> Result<Self, DbErr> {
        let path = [community.id, community.root_id];
        let rows = Entity::find().filter(Column::CommunityId.is_in(path)).all(connection).await?;
        let row = rows.iter().find(|row| row.community_id == community.id).cloned();
        let effective = rows.iter().map(Settings::from).fold(Settings::default(), Settings::strictest);
        let never = || Settings::default().to_row(community.name(), 0, community.create_time);
        Ok(Self { row: row.unwrap_or_else(never), effective })
    }
}

/// What holds in each of `communities`, by their ids, in one query.
pub(crate) async fn in_force(
    connection: &impl ConnectionTrait,
    communities: &[&community::Model],
) -> Result<HashMap<Uuid, Settings>, DbErr> {
    let paths: BTreeSet<Uuid> = communities.iter().flat_map(|row| [row.id, row.root_id]).collect();
    let rows = Entity::find().filter(Column::CommunityId.is_in(paths)).all(connection).await?;
    let of = |id: Uuid| rows.iter().find(|row| row.community_id == id).map(Settings::from);
    let hold = |row: &community::Model| {
        let (own, above) = (of(row.id), of(row.root_id).filter(|_| row.root_id != row.id));
        own.into_iter().chain(above).fold(Settings::default(), Settings::strictest)
    };
    Ok(communities.iter().map(|row| (row.id, hold(row))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|domain| (*domain).to_owned()).collect()
    }

    #[test]
    fn of_two_the_stricter_wins() {
        let above = Settings {
            allowed_email_domains: Some(domains(&["a.example", "b.example"])),
            seat_limit: Some(10),
            session_duration: Some(900),
            direct_addition: Some(DirectAddition::TreeMembers),
            role_drift: Some(RoleDrift::Refuse),
            personal_messages: Some(PersonalMessages::Allowed),
            ..Settings::default()
        };
        let own = Settings {
            allowed_email_domains: Some(domains(&["b.example", "c.example"])),
            seat_limit: Some(5),
            max_invitation_life: Some(3_600),
            enforce_two_factor: true,
            session_duration: Some(1_800),
            deactivate_inactive_members: true,
            direct_addition: Some(DirectAddition::Anybody),
            role_drift: Some(RoleDrift::AskAgain),
            personal_messages: Some(PersonalMessages::Forbidden),
        };
        let expected = Settings {
            allowed_email_domains: Some(domains(&["b.example"])),
            session_duration: Some(900),
            direct_addition: Some(DirectAddition::TreeMembers),
            role_drift: Some(RoleDrift::Refuse),
            ..own.clone()
        };
        assert_eq!(above.clone().strictest(own.clone()), expected);
        assert_eq!(own.clone().strictest(above), expected);
        assert_eq!(own.clone().strictest(Settings::default()), own);
    }

    #[test]
    fn domains_that_have_none_in_common_leave_nobody() {
        let (one, two) = (domains(&["a.example"]), domains(&["b.example"]));
        let settings = |domains| Settings { allowed_email_domains: Some(domains), ..Settings::default() };
        let both = settings(one).strictest(settings(two));
        assert!(!both.allows_domain("a.example") && !both.allows_domain("b.example"));
        assert!(Settings::default().allows_domain("a.example"));
    }
}
