//! Whether people's accounts can be used, and what follows for their memberships. Decided here rather than where accounts are: no
//! community may lose its last administrator by it. The identity service follows the events.

use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, JoinType, QueryFilter as _, QuerySelect as _};
use tonic::Code;
use usher_api::identity::GetUserRequest;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Change, Failure};
use uuid::Uuid;

use crate::entity::person::{Column, Entity, Model, State};
use crate::entity::{community, member};
use crate::error::Error;
use crate::event::UserFact;
use crate::membership::{self, HeldMember};
use crate::settings::InForce;
use crate::tree::Held;
use crate::{Community, administrators, event, people, seats, tree};

/// How long a deletion can be taken back.
const PURGE_DELAY: Duration = Duration::from_hours(30 * 24);

/// Makes sure that something is known of `user`, and refuses who administers the platform. Asks the identity service, so it must not be
/// called within a change.
pub(crate) async fn require_ordinary(service: &Community, user: UserName) -> Result<(), Error> {
    let answer = service.identity.clone().get_user(GetUserRequest { name: user.to_string() }).await;
    let told = match answer {
        Ok(answer) => answer.into_inner().user.unwrap_or_default(),
        Err(status) if status.code() == Code::NotFound => return Err(Error::UserNotFound(user)),
        Err(status) => return Err(Failure::from_neighbour("identity", status).into()),
    };
    if told.platform_admin {
        return Err(Error::PlatformAdministrator(user));
    }
    people::know(service, user).await?;
    Ok(())
}

/// Refuses somebody whose account cannot be used. It stays usable until `change` ends.
pub(crate) async fn require_active(change: &Change, user: UserName) -> Result<(), Error> {
    let person = Entity::find_by_id(user.0).lock_shared().one(&**change).await?;
    match person {
        Some(person) if person.state != State::Active => Err(Error::UserNotActive(user)),
        _ => Ok(()),
    }
}

/// A person who is held with all the trees that he is a member in, so that no membership comes or goes meanwhile.
pub(crate) struct HeldPerson {
    pub(crate) row: Model,
    /// The communities at the top, whose trees are held.
    roots: BTreeSet<Uuid>,
}

impl HeldPerson {
    /// Holds the trees in the order of their ids, and then the person, as everybody does who makes him a member.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; [`Failure::ConcurrentChange`] if he was made a member of another tree meanwhile.
    pub(crate) async fn take(change: &Change, user: UserName) -> Result<Self, Error> {
        let roots = roots_of(change, user).await?;
        for root in &roots {
            tree::hold(change, CommunityName(*root)).await?;
        }
        let row = Entity::find_by_id(user.0).lock_exclusive().one(&**change).await?;
        let row = row.ok_or(Error::UserNotFound(user))?;
        if roots_of(change, user).await? != roots {
            return Err(Failure::ConcurrentChange.into());
        }
        Ok(Self { row, roots })
    }

    /// Makes the account unusable. His memberships count no longer.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`]
    pub(crate) async fn stop(
        &mut self,
        service: &Community,
        change: &Change,
        fact: UserFact,
    ) -> Result<Held, Error> {
        let user = UserName(self.row.user_id);
        for root in &self.roots {
            membership::suspend_all(service, change, CommunityName(*root), user).await?;
        }
        let roots = community::Entity::find()
            .filter(community::Column::Id.is_in(self.roots.iter().copied()))
            .filter(community::Column::State.ne(community::State::Deleted));
        for root in roots.all(&**change).await? {
            administrators::require_one(change, &root).await?;
        }
        self.write(service, change, fact).await
    }

    /// Makes the account usable again. His memberships count again where there is a seat.
    pub(crate) async fn revive(
        &mut self,
        service: &Community,
        change: &Change,
        fact: UserFact,
    ) -> Result<Held, Error> {
        let stopped = member::Entity::find()
            .filter(member::Column::UserId.eq(self.row.user_id))
            .filter(member::Column::State.eq(member::State::Suspended))
            .filter(member::Column::SuspendReason.eq(member::SuspendReason::Account));
        for row in stopped.all(&**change).await? {
            let mut member = HeldMember::take_anywhere(change, row.name()).await?;
            let settings = InForce::load(&**change, &member.community.row).await?.effective;
            match seats::require_one(change, &member.community.row, &settings).await {
                Ok(()) => member.reactivate(service, change).await?,
                Err(Error::SeatLimitReached { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.write(service, change, fact).await
    }

    /// Writes down the state of the account, and returns the number of this change.
    async fn write(&mut self, service: &Community, change: &Change, fact: UserFact) -> Result<Held, Error> {
        let now = service.clock.now();
        let purge_time = (fact == UserFact::Deleted).then(|| now.after(PURGE_DELAY));
        let rows = Entity::update_many()
            .col_expr(Column::State, Expr::value(fact.state()))
            .col_expr(Column::StateVersion, Expr::col(Column::StateVersion).add(1))
            .col_expr(Column::PurgeTime, Expr::value(purge_time))
            .filter(Column::UserId.eq(self.row.user_id))
            .exec_with_returning(&**change)
            .await?;
        self.row = rows.into_iter().next().ok_or_else(|| Failure::internal("a held person is gone"))?;
        event::of_user(service, change, &self.row, fact, now).await?;
        tree::count_of_person(change, UserName(self.row.user_id)).await
    }
}

/// The communities at the top of the trees that `user` is a member in.
async fn roots_of(change: &Change, user: UserName) -> Result<BTreeSet<Uuid>, Error> {
    let place = community::Entity::belongs_to(member::Entity)
        .from(community::Column::Id)
        .to(member::Column::CommunityId)
        .into();
    let roots: Vec<Uuid> = community::Entity::find()
        .select_only()
        .column(community::Column::RootId)
        .distinct()
        .join(JoinType::InnerJoin, place)
        .filter(member::Column::UserId.eq(user.0))
        .filter(member::Column::State.ne(member::State::Removed))
        .into_tuple()
        .all(&**change)
        .await?;
    Ok(roots.into_iter().collect())
}

/// Forgets somebody whose account was destroyed.
pub(crate) async fn forget(service: &Community, user: UserName) -> Result<(), Error> {
    let change = service.database.change().await?;
    for root in roots_of(&change, user).await? {
        tree::hold(&change, CommunityName(root)).await?;
    }
    let memberships = member::Entity::find()
        .filter(member::Column::UserId.eq(user.0))
        .filter(member::Column::State.ne(member::State::Removed));
    for row in memberships.all(&*change).await? {
        HeldMember::take_anywhere(&change, row.name()).await?.remove(service, &change).await?;
    }
    people::forget(&change, user).await?;
    change.commit().await?;
    Ok(())
}
