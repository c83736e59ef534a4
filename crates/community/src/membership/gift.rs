//! Giving roles to somebody, who becomes a member by it if he was none.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use usher_api::name::{CommunityName, PrincipalName, UserName};
use usher_runtime::{Change, Failure, Timestamp};
use uuid::Uuid;

use super::touch;
use crate::access::Reach;
use crate::entity::{member, member_role, person};
use crate::error::Error;
use crate::event::{self, MemberFact};
use crate::grants::Grant;
use crate::{Community, people};

/// Who gives roles to whom, in which tree, and how it came to that.
#[derive(Clone, Debug)]
pub(crate) struct Gift {
    /// The community at the top.
    pub(crate) root: CommunityName,
    pub(crate) to: UserName,
    pub(crate) by: PrincipalName,
    /// The name of the invitation. Empty if there was none.
    pub(crate) invitation: String,
    /// What the invitation said to be found again at the memberships.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The most annotations that a membership keeps.
const MOST_ANNOTATIONS: usize = 64;

impl Gift {
    /// `by` gives to `to` without having invited him.
    pub(crate) fn without_invitation(
        root: CommunityName,
        to: UserName,
        by: impl Into<PrincipalName>,
    ) -> Self {
        Self { root, to, by: by.into(), invitation: String::new(), annotations: BTreeMap::new() }
    }

    /// Gives the roles of `grants`, and returns for each whether it brought one that he had not. What he had already, given
    /// there or inherited, stays as it is.
    pub(crate) async fn give(
        &self,
        service: &Community,
        change: &Change,
        grants: &[Grant],
    ) -> Result<Vec<bool>, Error> {
        let now = service.clock.now();
        let communities: BTreeSet<Uuid> = grants.iter().map(|grant| grant.community.0).collect();
        let came = self.admit(change, &communities, now).await?;
        let roles = grants.iter().flat_map(|grant| self.roles(grant, now));
        let given = member_role::Entity::insert_many(roles)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_with_returning(&**change)
            .await?;
        let gained: BTreeSet<Uuid> = given.iter().map(|role| role.community_id).collect();
        let annotated = self.annotate(change, &communities).await?;
        let changed: BTreeSet<Uuid> = gained.iter().chain(&came).chain(&annotated).copied().collect();
        let changed = touch(change, self.to, changed.into_iter(), now).await?;
        let facts = changed.iter().map(|row| {
            let new = came.contains(&row.community_id);
            (row, if new { MemberFact::Created } else { MemberFact::Updated })
        });
        event::of_members(service, change, self.root, &self.invitation, facts).await?;
        Ok(grants.iter().map(|grant| gained.contains(&grant.community.0)).collect())
    }

    /// Makes him a member where he is none, and returns where that is.
    async fn admit(
        &self,
        change: &Change,
        communities: &BTreeSet<Uuid>,
        now: Timestamp,
    ) -> Result<BTreeSet<Uuid>, Error> {
        // Locked: a change of his name waits until the new memberships are there to be changed too.
        let person = person::Entity::find_by_id(self.to.0).lock_shared().one(&**change).await?;
        if person.as_ref().is_some_and(|person| person.state != person::State::Active) {
            return Err(Error::UserNotActive(self.to));
        }
        let (name_key, email_key) = people::keys(person.as_ref());
        let back = member::Entity::update_many()
            .col_expr(member::Column::State, Expr::value(member::State::Active))
            .col_expr(member::Column::NameKey, Expr::value(name_key.as_str()))
            .col_expr(member::Column::EmailKey, Expr::value(email_key.as_str()))
            .col_expr(member::Column::CreateTime, Expr::value(now))
            .col_expr(member::Column::SuspendReason, Expr::value(None::<String>))
            .col_expr(member::Column::ReactivateTime, Expr::value(None::<i64>))
            .col_expr(member::Column::Annotations, Expr::value(""))
            .filter(member::Column::UserId.eq(self.to.0))
            .filter(member::Column::CommunityId.is_in(communities.iter().copied()))
            .filter(member::Column::State.eq(member::State::Removed))
            .exec_with_returning(&**change)
            .await?;
        let rows = communities.iter().map(|community| member::ActiveModel {
            community_id: Set(*community),
            user_id: Set(self.to.0),
            state: Set(member::State::Active),
            inherits: Set(false),
            name_key: Set(name_key.clone()),
            email_key: Set(email_key.clone()),
            person_known: Set(true),
            annotations: Set(String::new()),
            version: Set(0),
            create_time: Set(now),
            update_time: Set(now),
            suspend_reason: Set(None),
            reactivate_time: Set(None),
        });
        let new = member::Entity::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_with_returning(&**change)
            .await?;
        Ok(back.iter().chain(&new).map(|row| row.community_id).collect())
    }

    /// Adds the annotations to his memberships, and returns where that changed something.
    async fn annotate(&self, change: &Change, communities: &BTreeSet<Uuid>) -> Result<BTreeSet<Uuid>, Error> {
        let mut changed = BTreeSet::new();
        if self.annotations.is_empty() {
            return Ok(changed);
        }
        let his = |places: BTreeSet<Uuid>| {
            member::Column::UserId.eq(self.to.0).and(member::Column::CommunityId.is_in(places))
        };
        let rows = member::Entity::find().filter(his(communities.clone())).all(&**change).await?;
        for row in rows {
            let mut all = row.annotations();
            all.extend(self.annotations.clone());
            if all.len() > MOST_ANNOTATIONS {
                all.clone_from(&self.annotations);
            }
            if all == row.annotations() {
                continue;
            }
            let text = serde_json::to_string(&all).map_err(Failure::internal)?;
            member::Entity::update_many()
                .col_expr(member::Column::Annotations, Expr::value(text))
                .filter(his(BTreeSet::from([row.community_id])))
                .exec(&**change)
                .await?;
            changed.insert(row.community_id);
        }
        Ok(changed)
    }

    fn roles(&self, grant: &Grant, now: Timestamp) -> impl Iterator<Item = member_role::ActiveModel> {
        let CommunityName(community) = grant.community;
        let inherits = grant.reach == Reach::Subtree;
        let (granted_by, granted_by_program) = member_role::giver_columns(self.by);
        grant.roles.iter().map(move |(role, _)| member_role::ActiveModel {
            community_id: Set(community),
            user_id: Set(self.to.0),
            role_id: Set(*role),
            inherits: Set(inherits),
            custom_role_id: Set(role.custom()),
            invitation: Set(self.invitation.clone()),
            granted_by: Set(granted_by),
            granted_by_program: Set(granted_by_program.clone()),
            create_time: Set(now),
        })
    }
}
