//! Holding a tree of communities, so that nobody else changes it meanwhile. Every change of a tree begins with this: authority
//! that is read afterwards stays true until the change ends, and two administrators cannot remove each other at once.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::name::{CommunityName, UserName};
use usher_runtime::{Change, Failure};
use uuid::Uuid;

use crate::entity::community::{self, Model, State};
use crate::entity::revision::{ActiveModel, Column, Entity};
use crate::error::Error;

/// The scope of the catalogue of permissions, which is in no tree.
pub(crate) const CATALOGUE: Uuid = Uuid::nil();

/// A scope that is held by a change, and the number of this change in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) scope: Uuid,
    pub(crate) number: i64,
}

impl Held {
    /// The change before, for one that turns out to be none and is dropped.
    pub(crate) fn unchanged(self) -> Self {
        Self { number: self.number - 1, ..self }
    }
}

/// Begins the count of the changes of a new tree.
pub(crate) async fn plant(change: &Change, root: CommunityName) -> Result<Held, Error> {
    begin(change, root.0).await
}

async fn begin(change: &Change, scope: Uuid) -> Result<Held, Error> {
    let row = crate::entity::revision::Model { scope, number: 1 };
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(&**change).await?;
    Ok(Held { scope, number: 1 })
}

/// Counts a change of whether the account of `user` can be used, which may reach into many trees. Whoever calls holds him.
pub(crate) async fn count_of_person(change: &Change, user: UserName) -> Result<Held, Error> {
    match raise(change, Column::Scope.eq(user.0)).await? {
        Some(held) => Ok(held),
        None => begin(change, user.0).await,
    }
}

/// Holds the catalogue until `change` ends.
pub(crate) async fn hold_catalogue(change: &Change) -> Result<Held, Error> {
    let held = raise(change, Column::Scope.eq(CATALOGUE)).await?;
    Ok(held.ok_or_else(|| Failure::internal("the catalogue has no revision"))?)
}

/// Holds the tree that `community` is in until `change` ends. `None` if there is no such community.
pub(crate) async fn hold(change: &Change, community: CommunityName) -> Result<Option<Held>, Error> {
    let root = Query::select()
        .column(community::Column::RootId)
        .from(community::Entity)
        .and_where(community::Column::Id.eq(community.0))
        .to_owned();
    raise(change, Column::Scope.in_subquery(root)).await
}

async fn raise(change: &Change, which: Expr) -> Result<Option<Held>, Error> {
    let rows = Entity::update_many()
        .col_expr(Column::Number, Expr::col(Column::Number).add(1))
        .filter(which)
        .exec_with_returning(&**change)
        .await?;
    Ok(rows.first().map(|row| Held { scope: row.scope, number: row.number }))
}

/// A community whose tree is held.
#[derive(Clone, Debug)]
pub(crate) struct HeldCommunity {
    pub(crate) held: Held,
    pub(crate) row: Model,
    /// The community at the top; the same if it is that one.
    pub(crate) root: Model,
}

impl HeldCommunity {
    /// Holds the tree of `community` and reads it.
    ///
    /// # Errors
    /// [`Error::CommunityNotFound`]
    pub(crate) async fn take(change: &Change, community: CommunityName) -> Result<Self, Error> {
        let held = hold(change, community).await?.ok_or(Error::CommunityNotFound(community))?;
        let rows = community::Entity::find()
            .filter(community::Column::Id.is_in([community.0, held.scope]))
            .all(&**change)
            .await?;
        let find = |id| rows.iter().find(|row| row.id == id).cloned();
        let (Some(row), Some(root)) = (find(community.0), find(held.scope)) else {
            return Err(Error::CommunityNotFound(community));
        };
        Ok(Self { held, row, root })
    }

    /// The state that it is in fact in.
    pub(crate) fn state(&self) -> State {
        self.row.state.below(self.root.state)
    }

    /// Refuses unless it and the community at the top are active.
    pub(crate) fn require_active(&self) -> Result<(), Error> {
        match self.state() {
            State::Active => Ok(()),
            state => Err(Error::CommunityNotActive { community: self.row.name(), state }),
        }
    }

    /// Refuses an etag that is not the present one. An empty one stands for any.
    pub(crate) fn require_etag(&self, etag: &str) -> Result<(), Error> {
        require_etag(etag, self.row.version, &self.row.name())
    }
}

/// Refuses an etag that is not that of `version`. An empty one stands for any.
pub(crate) fn require_etag(etag: &str, version: i64, resource: &impl std::fmt::Display) -> Result<(), Error> {
    if etag.is_empty() || etag == version.to_string() {
        return Ok(());
    }
    Err(Failure::EtagMismatch { resource: resource.to_string() }.into())
}
