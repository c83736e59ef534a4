//! One row for each endpoint of a community.

use sea_orm::entity::prelude::*;
use usher_api::name::{CommunityName, WebhookName};
use usher_api::notifier as pb;
use usher_runtime::Timestamp;
use uuid::Uuid;

/// A webhook.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    /// The id in the resource name. Rises with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is.
    pub community_id: Uuid,
    /// Where events are posted.
    pub url: String,
    /// What people want to remember about it.
    pub description: String,
    /// What it wants to be told, separated by spaces. Empty for everything.
    pub event_types: String,
    /// Why it is told nothing. None if it is enabled.
    pub disable_reason: Option<DisableReason>,
    /// What signs, sealed.
    pub sealed_secret: String,
    /// When that was made.
    pub secret_time: Timestamp,
    /// What signed before, sealed.
    pub earlier_sealed_secret: Option<String>,
    /// Until when that signs too.
    pub earlier_secret_end: Option<Timestamp>,
    /// The first attempt since which none has succeeded.
    pub failing_since: Option<Timestamp>,
    /// Counts its changes from 1.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it changed last.
    pub update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

/// Why a webhook is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum DisableReason {
    /// Somebody wanted it.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// The endpoint said that it is gone.
    #[sea_orm(string_value = "gone")]
    Gone,
    /// Nothing arrived for long.
    #[sea_orm(string_value = "failing")]
    Failing,
}

impl DisableReason {
    fn to_proto(self) -> pb::WebhookDisableReason {
        match self {
            Self::Requested => pb::WebhookDisableReason::Requested,
            Self::Gone => pb::WebhookDisableReason::Gone,
            Self::Failing => pb::WebhookDisableReason::Failing,
        }
    }
}

impl Model {
    /// The resource name.
    pub(crate) fn name(&self) -> WebhookName {
        WebhookName { community: CommunityName(self.community_id), id: self.id }
    }

    /// Whether it is told anything.
    pub(crate) fn state(&self) -> pb::WebhookState {
        match self.disable_reason {
            None => pb::WebhookState::Enabled,
            Some(_) => pb::WebhookState::Disabled,
        }
    }

    /// Why it is not, in the contract.
    pub(crate) fn disable_reason_to_proto(&self) -> pb::WebhookDisableReason {
        self.disable_reason.map_or(pb::WebhookDisableReason::Unspecified, DisableReason::to_proto)
    }

    /// The resource, without the secret.
    pub(crate) fn to_proto(&self) -> pb::Webhook {
        pb::Webhook {
            name: self.name().to_string(),
            uid: self.id.to_string(),
            url: self.url.clone(),
            description: self.description.clone(),
            event_types: self.event_types.split_whitespace().map(str::to_owned).collect(),
            state: self.state().into(),
            disable_reason: self.disable_reason_to_proto().into(),
            failing_since_time: self.failing_since.map(Into::into),
            secret_create_time: Some(self.secret_time.into()),
            earlier_secret_expire_time: self.earlier_secret_end.map(Into::into),
            etag: self.version.to_string(),
            create_time: Some(self.create_time.into()),
            update_time: Some(self.update_time.into()),
        }
    }
}
