//! One row for each community.

use std::collections::{BTreeSet, HashMap};

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A community. `id`, `kind`, `parent_id` and `root_id` never change.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "community")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it can hold.
    pub kind: Kind,
    /// The MSSP community that it is inside.
    pub parent_id: Option<Uuid>,
    /// The community at the top of its tree: its parent, or itself.
    pub root_id: Uuid,
    /// Whether it is in use. What counts is the state of the root too.
    pub state: State,
    /// The name that people see.
    pub display_name: String,
    /// The name to order by.
    pub name_key: String,
    /// Name and description to search in.
    pub search_key: String,
    /// What it is for.
    pub description: String,
    /// Its web site. Empty if it has none.
    pub website_uri: String,
    /// Counts its changes from 1.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it changed last.
    pub update_time: Timestamp,
    /// When it was deleted.
    pub delete_time: Option<Timestamp>,
    /// When it is to be destroyed.
    pub purge_time: Option<Timestamp>,
    /// The id of its image. Empty if it has none.
    pub image_id: String,
}

impl ActiveModelBehavior for ActiveModel {}

/// The kinds of community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Kind {
    /// Has members and nothing inside.
    #[sea_orm(string_value = "managed")]
    Managed,
    /// Has members, and managed communities inside. Always at the top.
    #[sea_orm(string_value = "mssp")]
    Mssp,
}

impl Kind {
    /// The kind that a request names.
    pub(crate) fn from_proto(kind: i32) -> Option<Self> {
        match pb::CommunityKind::try_from(kind) {
            Ok(pb::CommunityKind::Managed) => Some(Self::Managed),
            Ok(pb::CommunityKind::Mssp) => Some(Self::Mssp),
            Ok(pb::CommunityKind::Unspecified) | Err(_) => None,
        }
    }
}

impl From<Kind> for pb::CommunityKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Managed => Self::Managed,
            Kind::Mssp => Self::Mssp,
        }
    }
}

/// The states of a community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// In use.
    #[sea_orm(string_value = "active")]
    Active,
    /// Stopped.
    #[sea_orm(string_value = "suspended")]
    Suspended,
    /// Stopped, and to be destroyed.
    #[sea_orm(string_value = "deleted")]
    Deleted,
}

impl State {
    /// The state that a community of this state is in fact in, below a root of that one.
    pub(crate) fn below(self, root: Self) -> Self {
        if root == Self::Active { self } else { root }
    }

    /// The state that a request names.
    pub(crate) fn from_proto(state: i32) -> Option<Self> {
        match pb::CommunityState::try_from(state) {
            Ok(pb::CommunityState::Active) => Some(Self::Active),
            Ok(pb::CommunityState::Suspended) => Some(Self::Suspended),
            Ok(pb::CommunityState::Deleted) => Some(Self::Deleted),
            Ok(pb::CommunityState::Unspecified) | Err(_) => None,
        }
    }
}

impl From<State> for pb::CommunityState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Suspended => Self::Suspended,
            State::Deleted => Self::Deleted,
        }
    }
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> CommunityName {
        CommunityName(self.id)
    }

    /// The name of the community above.
    pub(crate) fn parent(&self) -> Option<CommunityName> {
        self.parent_id.map(CommunityName)
    }

    /// The name of the community at the top of the tree.
    pub(crate) fn root(&self) -> CommunityName {
        CommunityName(self.root_id)
    }

    /// The resource. `root` is the state of the community at the top.
    pub(crate) fn to_proto(&self, root: State) -> pb::Community {
        pb::Community {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            kind: pb::CommunityKind::from(self.kind).into(),
            parent_community: self.parent().map(|parent| parent.to_string()).unwrap_or_default(),
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            website_uri: self.website_uri.clone(),
            etag: self.version.to_string(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
            state: pb::CommunityState::from(self.state).into(),
            effective_state: pb::CommunityState::from(self.state.below(root)).into(),
            delete_time: self.delete_time.map(Into::into),
            purge_time: self.purge_time.map(Into::into),
            image_id: self.image_id.clone(),
        }
    }
}

/// The community, and the state of the one at the top of its tree.
pub(crate) async fn with_root(
    connection: &impl ConnectionTrait,
    name: CommunityName,
) -> Result<Option<(Model, State)>, DbErr> {
    let Some(row) = Entity::find_by_id(name.0).one(connection).await? else { return Ok(None) };
    let root = match row.parent_id {
        Some(parent) => Entity::find_by_id(parent).one(connection).await?.map(|root| root.state),
        None => Some(row.state),
    };
    Ok(root.map(|root| (row, root)))
}

/// Those of the ids that are there.
pub(crate) async fn by_id(
    connection: &impl ConnectionTrait,
    ids: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(ids)).all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
