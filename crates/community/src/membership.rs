//! Making people members: rows and events.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Change, Timestamp};
use uuid::Uuid;

use crate::Community;
use crate::access::Reach;
use crate::entity::{member, member_role};
use crate::error::Error;
use crate::event;
use crate::grants::Grant;

/// Who gives roles to whom, and how it came to that.
#[derive(Clone, Debug)]
pub(crate) struct Gift {
    pub(crate) to: UserName,
    pub(crate) by: UserName,
    /// The name of the invitation. Empty if there was none.
    pub(crate) invitation: String,
}

impl Gift {
    /// Gives the roles of `grants`, and returns for each whether it brought one that he had not. What he had
    /// already, given there or inherited, stays as it is. `change` must hold the lock of the tree, so that
    /// two gifts do not meet.
    pub(crate) async fn give(
        &self,
        service: &Community,
        change: &Change,
        grants: &[Grant],
    ) -> Result<Vec<bool>, Error> {
        let now = service.clock.now();
        let communities: Vec<Uuid> = grants.iter().map(|grant| grant.community.0).collect();
        let members = communities.iter().map(|community| self.member(*community, now));
        member::Entity::insert_many(members)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&**change)
            .await?;

        let roles = grants.iter().flat_map(|grant| self.roles(grant, now));
        let given = member_role::Entity::insert_many(roles)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_with_returning(&**change)
            .await?;
        let mut gained: BTreeMap<Uuid, usize> = BTreeMap::new();
        for role in &given {
            *gained.entry(role.community_id).or_default() += 1;
        }
        self.tell(service, change, gained.keys().copied(), now).await?;
        Ok(communities.iter().map(|community| gained.contains_key(community)).collect())
    }

    /// Raises the version of the memberships that changed, and says so.
    async fn tell(
        &self,
        service: &Community,
        change: &Change,
        communities: impl Iterator<Item = Uuid>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut changed = member::Entity::update_many()
            .col_expr(member::Column::Version, Expr::col(member::Column::Version).add(1))
            .col_expr(member::Column::UpdateTime, Expr::value(now))
            .filter(member::Column::UserId.eq(self.to.0))
            .filter(member::Column::CommunityId.is_in(communities))
            .exec_with_returning(&**change)
            .await?;
        changed.sort_by_key(|member| member.community_id);
        for member in &changed {
            event::member_changed(service, change, member, &self.invitation).await?;
        }
        Ok(())
    }

    /// A membership that nobody has heard of.
    fn member(&self, community: Uuid, now: Timestamp) -> member::ActiveModel {
        member::ActiveModel {
            community_id: Set(community),
            user_id: Set(self.to.0),
            state: Set(member::State::Active),
            version: Set(0),
            create_time: Set(now),
            update_time: Set(now),
        }
    }

    fn roles(&self, grant: &Grant, now: Timestamp) -> impl Iterator<Item = member_role::ActiveModel> {
        let CommunityName(community) = grant.community;
        let inherits = grant.reach == Reach::Subtree;
        grant.roles.iter().map(move |(role, _)| member_role::ActiveModel {
            community_id: Set(community),
            user_id: Set(self.to.0),
            role_id: Set(*role),
            inherits: Set(inherits),
            invitation: Set(self.invitation.clone()),
            granted_by: Set(self.by.0),
            create_time: Set(now),
        })
    }
}
