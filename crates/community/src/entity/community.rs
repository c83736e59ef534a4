//! One row for each community.

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::LockType;
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::{Change, Timestamp};
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
    /// The name that people see.
    pub display_name: String,
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

    pub(crate) fn to_proto(&self) -> pb::Community {
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
        }
    }
}

/// Reads a community and keeps others from doing so until the change ends. Whoever changes the memberships of
/// a tree holds its top like this, so that authority that is read stays true until it is used; whoever makes
/// a role holds the role's community.
pub(crate) async fn lock(change: &Change, community: CommunityName) -> Result<Option<Model>, DbErr> {
    // Not the strongest lock: rows that refer to the community may still be inserted beside it. SQLite has
    // one writer anyway.
    Entity::find_by_id(community.0).lock(LockType::NoKeyUpdate).one(&**change).await
}
