//! Which invitations a request speaks of.

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, LikeExpr, Query, SelectStatement};
use usher_api::invitation::{self as pb, InvitationRisk, InvitationState, TimeRange};
use usher_api::name::{CommunityName, PrincipalName, RoleName};
use usher_runtime::keyset::contains;
use usher_runtime::{EmailAddress, Timestamp, Violations, database, fields};

use crate::Invitation;
use crate::entity::grant;
use crate::entity::invitation::{Column, DeliveryState, Entity, State};
use crate::housekeeping::purged_address;
use crate::inviter::rest_on;
use crate::risks::Risks;

/// What is wanted of the invitations of a tree. A page token serves only the same filter.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) community: Option<CommunityName>,
    states: Vec<InvitationState>,
    email: Option<EmailAddress>,
    search: Option<String>,
    deliveries: Vec<DeliveryState>,
    inviter: Option<PrincipalName>,
    /// How the name of the role ends.
    role: Option<String>,
    /// The first moment that is wanted, and the first after those that are.
    times: Vec<(Column, Option<Timestamp>, Option<Timestamp>)>,
    pub(crate) risks: Risks,
}

impl Filter {
    pub(crate) fn parse(request: &pb::ListInvitationsRequest, violations: &mut Violations) -> Self {
        let mut times = Vec::new();
        let ranges = [
            ("create_time", Column::CreateTime, &request.create_time),
            ("expire_time", Column::ExpireTime, &request.expire_time),
            ("last_send_time", Column::LastSendTime, &request.last_send_time),
        ];
        for (field, column, range) in ranges {
            times.extend(range.as_ref().map(|range| {
                let (from, until) = time_range(field, range, violations);
                (column, from, until)
            }));
        }
        let deliveries =
            enums("delivery_states", &request.delivery_states, violations, DeliveryState::from_proto);
        let risks = enums("risks", &request.risks, violations, |risk: InvitationRisk| Some(risk));
        let role = Some(&request.role).filter(|text| !text.is_empty());
        Self {
            community: named("community", &request.community, violations),
            states: states(&request.states, violations),
            email: named("email", &request.email, violations),
            search: fields::search(&request.search, violations),
            deliveries,
            inviter: named("inviter", &request.inviter, violations),
            role: role.and_then(|text| violations.check("role", role_ending(text))),
            times,
            risks: Risks(risks),
        }
    }

    /// Holds for what is wanted of the tree of `root`.
    pub(crate) fn condition(&self, service: &Invitation, root: CommunityName) -> Condition {
        let connection = &*service.database;
        // What was purged is still found by whoever knows the address.
        let email = self.email.as_ref().map(|email| {
            let purged = purged_address(&service.sealing, email.canonical());
            Column::EmailCanonical.is_in([email.canonical().to_owned(), purged])
        });
        let search = self.search.as_ref().map(|text| contains(own(Column::EmailCanonical), text));
        let deliveries = Some(&self.deliveries).filter(|states| !states.is_empty());
        let mut condition = Condition::all()
            .add(Column::RootId.eq(root.0))
            .add_option(self.community.map(|place| Column::Id.in_subquery(offering(place))))
            .add_option(self.role.as_deref().map(|role| Expr::exists(offering_role(role))))
            .add_option(email)
            .add_option(search)
            .add_option(deliveries.map(|states| Column::DeliveryState.is_in(states.iter().copied())))
            .add_option(self.inviter.map(rest_on))
            .add(in_states(connection, &self.states))
            .add_option(self.risks.condition(connection));
        if !self.risks.is_empty() {
            condition = condition.add(in_state(connection, InvitationState::Pending));
        }
        for (column, from, until) in &self.times {
            condition = condition
                .add_option(from.map(|moment| own(*column).gte(moment.0)))
                .add_option(until.map(|moment| own(*column).lt(moment.0)));
        }
        condition
    }
}

/// The column of the invitation, told apart from those of its grants.
fn own(column: Column) -> Expr {
    Expr::col((Entity, column))
}

fn any(conditions: impl Iterator<Item = Condition>) -> Option<Condition> {
    conditions.fold(None, |all, one| Some(all.unwrap_or_else(Condition::any).add(one)))
}

fn named<T>(field: &str, text: &str, violations: &mut Violations) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = Some(text).filter(|text| !text.is_empty())?;
    violations.check(field, text.parse())
}

/// Known values of an enum other than the unspecified one.
fn enums<P: TryFrom<i32>, T>(
    field: &str,
    asked: &[i32],
    violations: &mut Violations,
    read: impl Fn(P) -> Option<T>,
) -> Vec<T> {
    let mut known = Vec::new();
    for (place, number) in asked.iter().enumerate() {
        let value = P::try_from(*number).ok().filter(|_| *number != 0).and_then(&read);
        violations.require(value.is_some(), format!("{field}[{place}]"), "must be a known value");
        known.extend(value);
    }
    known
}

fn time_range(
    field: &str,
    range: &TimeRange,
    violations: &mut Violations,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let (from, until) = (range.start_time.map(Timestamp::from), range.end_time.map(Timestamp::from));
    let rises = from.zip(until).is_none_or(|(from, until)| from <= until);
    violations.require(rises, field, "must not end before it begins");
    (from, until)
}

/// How the full names of the role end that `text` names.
fn role_ending(text: &str) -> Result<String, &'static str> {
    if text.parse::<RoleName>().is_ok() {
        return Ok(text.to_owned());
    }
    let is_word = text.len() <= 100 && text.chars().all(|it| it.is_ascii_lowercase() || it == '_');
    if is_word {
        Ok(format!("/roles/{text}"))
    } else {
        Err("must be the name of a role, or the id of a built-in one")
    }
}

/// Selects the invitations that offer something in `community`.
fn offering(community: CommunityName) -> SelectStatement {
    Query::select()
        .column(grant::Column::InvitationId)
        .from(grant::Entity)
        .and_where(grant::Column::CommunityId.eq(community.0))
        .to_owned()
}

/// Selects the grants of the invitation at hand with a role whose name ends so. Names end at a comma or at the end.
fn offering_role(ending: &str) -> SelectStatement {
    let plain = ending.replace('_', "\\_");
    let like = |pattern: String| {
        Expr::col((grant::Entity, grant::Column::Roles)).like(LikeExpr::new(pattern).escape('\\'))
    };
    Query::select()
        .expr(Expr::val(1))
        .from(grant::Entity)
        .and_where(Expr::col((grant::Entity, grant::Column::InvitationId)).equals((Entity, Column::Id)))
        .cond_where(Condition::any().add(like(format!("%{plain}"))).add(like(format!("%{plain},%"))))
        .to_owned()
}

/// The field `states`.
pub(crate) fn states(asked: &[i32], violations: &mut Violations) -> Vec<InvitationState> {
    enums("states", asked, violations, Some)
}

/// Holds in each of `states`; if there are none, in all.
pub(crate) fn in_states(connection: &impl ConnectionTrait, states: &[InvitationState]) -> Condition {
    let states = any(states.iter().map(|state| in_state(connection, *state)));
    Condition::all().add_option(states)
}

/// What is overdue counts as expired before the sweeper comes by, unless somebody is just accepting it.
fn in_state(connection: &impl ConnectionTrait, state: InvitationState) -> Condition {
    let stored = |state: State| Condition::all().add(Column::State.eq(state));
    let on_time = || {
        Condition::any()
            .add(own(Column::ExpireTime).gt(database::now(connection)))
            .add(Column::ClaimId.is_not_null())
    };
    match state {
        InvitationState::Pending => stored(State::Pending).add(on_time()),
        InvitationState::Expired => {
            Condition::any().add(stored(State::Expired)).add(stored(State::Pending).add(on_time().not()))
        }
        InvitationState::Accepted => stored(State::Accepted),
        InvitationState::Revoked => stored(State::Revoked),
        InvitationState::Declined => stored(State::Declined),
        InvitationState::Unspecified => Condition::any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_in_full_or_by_a_word() {
        let full = "communities/0199c0de-0000-7000-8000-000000000001/roles/admin";
        assert_eq!(role_ending(full).as_deref(), Ok(full));
        assert_eq!(role_ending("manage_member").as_deref(), Ok("/roles/manage_member"));
        for wrong in ["Admin", "%", "a,b", "communities/1/roles/x"] {
            assert!(role_ending(wrong).is_err(), "{wrong}");
        }
    }
}
