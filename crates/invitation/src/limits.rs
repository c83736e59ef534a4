//! How many people may be invited: counted for each inviter and each tree, and mails for each recipient.
//!
//! Of each count the database keeps one number: when all of it will be there again. Taking moves that time into the future by what
//! was taken, and is refused where it would move further than a period. So the counts survive restarts, all replicas share them,
//! and the clock is the database's.

use std::cmp::max;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ConnectionTrait, DbErr};
use usher_api::invitation::{Allowance, InvitationLimit};
use usher_api::name::{CommunityName, PrincipalName};
use usher_runtime::clock::micros;
use usher_runtime::{Change, EmailAddress, Failure, database};
use uuid::Uuid;

use crate::Invitation;
use crate::config::LimitsConfig;
use crate::entity::allowance::{Column, Entity};
use crate::error::Error;

/// A count, and how far it goes.
#[derive(Clone, Copy, Debug)]
struct Limit {
    scope: &'static str,
    most: u32,
    period: Duration,
}

impl Limit {
    /// What one costs, in microseconds.
    fn cost(self) -> i64 {
        micros(self.period) / i64::from(max(self.most, 1))
    }

    /// How many are left where the rest comes back in `debt` microseconds.
    fn remaining(self, debt: i64) -> i32 {
        let left = (micros(self.period) - max(debt, 0)) / max(self.cost(), 1);
        i32::try_from(left.clamp(0, i64::from(self.most))).unwrap_or(i32::MAX)
    }
}

fn counts(
    config: &LimitsConfig,
    inviter: PrincipalName,
    root: CommunityName,
) -> [(InvitationLimit, Limit, String); 2] {
    let limit = |scope, most| Limit { scope, most, period: config.period };
    [
        (InvitationLimit::Inviter, limit("inviter", config.inviter_recipients), inviter.id().to_string()),
        (InvitationLimit::Tree, limit("tree", config.tree_recipients), root.0.to_string()),
    ]
}

/// Counts `recipients` more people for the inviter and the tree, and says what is left.
///
/// # Errors
/// [`Error::InviterRateLimited`]; `change` must then be dropped.
pub(crate) async fn take(
    service: &Invitation,
    change: &Change,
    inviter: PrincipalName,
    root: CommunityName,
    recipients: u32,
) -> Result<Vec<Allowance>, Error> {
    let mut allowances = Vec::new();
    for (name, limit, subject) in counts(&service.config.limits, inviter, root) {
        if limit.most == 0 {
            continue;
        }
        let taken = take_for(change, limit, &BTreeSet::from([subject.clone()]), recipients).await?;
        match taken.get(&subject) {
            Some(debt) => allowances.push(limit.tell(name, *debt)),
            None => return Err(limited(change, name, limit, &subject, recipients).await?),
        }
    }
    Ok(allowances)
}

/// What is left for the inviter and the tree.
pub(crate) async fn left(
    service: &Invitation,
    connection: &impl ConnectionTrait,
    inviter: PrincipalName,
    root: CommunityName,
) -> Result<Vec<Allowance>, Error> {
    let mut allowances = Vec::new();
    for (name, limit, subject) in counts(&service.config.limits, inviter, root) {
        if limit.most > 0 {
            allowances.push(limit.tell(name, debt(connection, limit, &subject).await?));
        }
    }
    Ok(allowances)
}

/// The refusal of one more, where a limit is used up.
pub(crate) async fn none_left(
    service: &Invitation,
    change: &Change,
    inviter: PrincipalName,
    root: CommunityName,
) -> Result<Error, Error> {
    for (name, limit, subject) in counts(&service.config.limits, inviter, root) {
        if limit.most > 0 && limit.remaining(debt(&**change, limit, &subject).await?) == 0 {
            return Ok(limited(change, name, limit, &subject, 1).await?);
        }
    }
    Err(Failure::ConcurrentChange.into())
}

impl Limit {
    fn tell(self, name: InvitationLimit, debt: i64) -> Allowance {
        let seconds = i64::try_from(self.period.as_secs()).unwrap_or(i64::MAX);
        Allowance {
            limit: name.into(),
            recipients: i32::try_from(self.most).unwrap_or(i32::MAX),
            period: Some(prost_types::Duration { seconds, nanos: 0 }),
            remaining: self.remaining(debt),
        }
    }
}

async fn limited(
    change: &Change,
    name: InvitationLimit,
    limit: Limit,
    subject: &str,
    recipients: u32,
) -> Result<Error, DbErr> {
    let missing = max(debt(&**change, limit, subject).await?, 0) + limit.cost() * i64::from(recipients)
        - micros(limit.period);
    let wait = Duration::from_micros(u64::try_from(missing).unwrap_or(0))
        .clamp(Duration::from_secs(1), limit.period);
    Ok(Error::InviterRateLimited {
        limit: name,
        recipients: limit.most,
        period: limit.period,
        retry_delay: wait,
    })
}

/// Counts a mail to each of `emails`, and says which of them may be sent.
pub(crate) async fn take_mails(
    service: &Invitation,
    change: &Change,
    emails: &[&EmailAddress],
) -> Result<Vec<bool>, Error> {
    let config = &service.config.limits;
    let limit = Limit { scope: "recipient", most: config.recipient_mails, period: config.period };
    if limit.most == 0 {
        return Ok(vec![true; emails.len()]);
    }
    let mut may = vec![false; emails.len()];
    // An address that comes several times is counted once in each round.
    let mut rest: Vec<usize> = (0..emails.len()).collect();
    while !rest.is_empty() {
        let mut round = BTreeMap::new();
        let mut later = Vec::new();
        for index in rest {
            let subject = recipient(service, emails[index]);
            match round.entry(subject) {
                Entry::Vacant(place) => {
                    place.insert(index);
                }
                Entry::Occupied(_) => later.push(index),
            }
        }
        let subjects = round.keys().cloned().collect();
        let taken: HashSet<String> = take_for(change, limit, &subjects, 1).await?.into_keys().collect();
        for (subject, index) in round {
            may[index] = taken.contains(&subject);
        }
        rest = later;
    }
    Ok(may)
}

/// As [`take_mails`], without counting.
pub(crate) async fn may_mail(service: &Invitation, email: &EmailAddress) -> Result<bool, Error> {
    let config = &service.config.limits;
    let limit = Limit { scope: "recipient", most: config.recipient_mails, period: config.period };
    let debt = debt(&*service.database, limit, &recipient(service, email)).await?;
    Ok(limit.most == 0 || limit.remaining(debt) > 0)
}

/// Keyed, so that the table tells nobody who was invited after the invitations have forgotten it.
fn recipient(service: &Invitation, email: &EmailAddress) -> String {
    let hash = service.sealing.fingerprint("recipient", &[email.canonical().as_bytes()]);
    Uuid::from_slice(&hash[..16]).unwrap_or_default().simple().to_string()
}

/// Takes `number` for each of `subjects` as far as there are so many, and returns for those in how many microseconds all will be
/// there again. Sorted, so that two calls about the same people cannot wait for each other.
async fn take_for(
    change: &Change,
    limit: Limit,
    subjects: &BTreeSet<String>,
    number: u32,
) -> Result<BTreeMap<String, i64>, Error> {
    if number > limit.most || subjects.is_empty() {
        return Ok(BTreeMap::new());
    }
    let now = || database::now(&**change);
    let cost = limit.cost() * i64::from(number);
    let known = || Expr::col((Entity, Column::FullTime));
    let from = || Expr::case(known().gt(now()), known()).finally(now());
    let fits = from().add(cost).lte(now().add(micros(limit.period)));
    let mut insert = Query::insert();
    insert.into_table(Entity).columns([Column::Scope, Column::Subject, Column::FullTime]);
    for subject in subjects {
        let row = [Expr::value(limit.scope), Expr::value(subject.as_str()), now().add(cost)];
        insert.values(row).map_err(Failure::internal)?;
    }
    let further = OnConflict::columns([Column::Scope, Column::Subject])
        .value(Column::FullTime, from().add(cost))
        .action_and_where(fits)
        .to_owned();
    let debt = Expr::col((Entity, Column::FullTime)).sub(now());
    let returning = Query::returning().exprs([Expr::col((Entity, Column::Subject)), debt]);
    insert.on_conflict(further).returning(returning);
    let mut taken = BTreeMap::new();
    for row in change.query_all(&insert).await? {
        taken.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    }
    Ok(taken)
}

/// In how many microseconds all will be there again. Negative or 0 if it is.
async fn debt(connection: &impl ConnectionTrait, limit: Limit, subject: &str) -> Result<i64, DbErr> {
    let select = Query::select()
        .expr(Expr::col(Column::FullTime).sub(database::now(connection)))
        .from(Entity)
        .and_where(Expr::col(Column::Scope).eq(limit.scope))
        .and_where(Expr::col(Column::Subject).eq(subject))
        .to_owned();
    match connection.query_one(&select).await? {
        Some(row) => row.try_get_by_index(0),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_comes_back_evenly() {
        let limit = Limit { scope: "inviter", most: 10, period: Duration::from_secs(100) };
        assert_eq!(limit.cost(), 10_000_000);
        assert_eq!((limit.remaining(0), limit.remaining(-5)), (10, 10));
        assert_eq!((limit.remaining(50_000_000), limit.remaining(55_000_000)), (5, 4));
        assert_eq!((limit.remaining(100_000_000), limit.remaining(200_000_000)), (0, 0));
    }
}
