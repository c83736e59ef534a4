//! Which live invitations offer custom roles, as the invitation service tells: a role that is offered is in use.

use sea_orm::entity::prelude::*;
use usher_api::name::{CommunityName, InvitationName};
use uuid::Uuid;

/// An invitation. The row stays when the invitation ends, so that late news of its life are known to be old.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "offer")]
pub struct Model {
    /// The id of the invitation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invitation_id: Uuid,
    /// The community at the top, which is in the name of the invitation.
    pub root_id: Uuid,
    /// The number of the last news.
    pub version: i64,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The resource name of the invitation.
    pub(crate) fn name(&self) -> InvitationName {
        InvitationName { root: CommunityName(self.root_id), id: self.invitation_id }
    }
}
