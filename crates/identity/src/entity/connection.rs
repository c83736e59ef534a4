//! One row for each connection to the identity provider of a community.

use sea_orm::entity::prelude::*;
use usher_api::identity as pb;
use usher_api::name::{CommunityName, ConnectionName};
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A connection.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    /// The id in the resource name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is.
    pub community_id: Uuid,
    /// The community at the top of its tree.
    pub root_id: Uuid,
    /// What people see.
    pub display_name: String,
    /// The provider, as it names itself. Never changes.
    pub issuer: String,
    /// What the provider knows us as.
    pub client_id: String,
    /// What it knows us by, sealed.
    pub sealed_client_secret: String,
    /// The domains that it is believed for, separated by spaces.
    pub email_domains: String,
    /// What people become in the community, the name of a role.
    pub default_role: String,
    /// Whether people can sign in by it.
    pub enabled: bool,
    /// Counts its changes from 1.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it changed last.
    pub update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> ConnectionName {
        ConnectionName { community: CommunityName(self.community_id), id: self.id }
    }

    /// The domains that it is believed for, in lower case.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &str> {
        self.email_domains.split_whitespace()
    }

    /// The resource, without the secret.
    pub(crate) fn to_proto(&self) -> pb::Connection {
        let state = if self.enabled { pb::ConnectionState::Enabled } else { pb::ConnectionState::Disabled };
        pb::Connection {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            display_name: self.display_name.clone(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            email_domains: self.domains().map(str::to_owned).collect(),
            default_role: self.default_role.clone(),
            state: state.into(),
            etag: self.version.to_string(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
        }
    }
}
