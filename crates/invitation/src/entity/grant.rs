//! One row for each community that an invitation offers.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use usher_api::community as pb;
use usher_api::identity::ExpectedMembership;
use usher_api::name::CommunityName;
use uuid::Uuid;

/// Roles in one community.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation_grant")]
pub struct Model {
    /// The invitation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invitation_id: Uuid,
    /// The community.
    #[sea_orm(primary_key, auto_increment = false)]
    pub community_id: Uuid,
    /// Its place in the request, from 0.
    pub position: i32,
    /// The full names of the roles, separated by commas.
    pub roles: String,
    /// How far the roles reach, as the number of the proto enum.
    pub inheritance: i32,
    /// What became of it, as the number of the proto enum.
    pub outcome: i32,
    /// The canonical address of the invitation, for the index that admits one live grant for each community and address.
    pub email_canonical: String,
    /// Whether the invitation is pending. An expired one stays live until the sweeper, or a new invitation, ends it.
    pub live: bool,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What the invitee is about to be, in the tree of `root`.
    pub(crate) fn expected_membership(&self, root: CommunityName) -> ExpectedMembership {
        ExpectedMembership {
            community: CommunityName(self.community_id).to_string(),
            root: root.to_string(),
            inherits: self.inheritance == i32::from(pb::Inheritance::SelfAndDescendants),
        }
    }

    pub(crate) fn to_proto(&self) -> pb::Grant {
        pb::Grant {
            community: CommunityName(self.community_id).to_string(),
            roles: self.roles.split(',').map(str::to_owned).collect(),
            inheritance: self.inheritance,
            outcome: self.outcome,
        }
    }
}

/// The grants of several invitations, each in the order of its request.
pub(crate) async fn of_invitations(
    connection: &impl sea_orm::ConnectionTrait,
    invitations: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    use sea_orm::QueryOrder as _;
    let grants = Entity::find().filter(Column::InvitationId.is_in(invitations));
    let mut by_invitation: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for grant in grants.order_by_asc(Column::Position).all(connection).await? {
        by_invitation.entry(grant.invitation_id).or_default().push(grant);
    }
    Ok(by_invitation)
}

/// The grants of an invitation in the order of its request.
pub(crate) async fn of_invitation(
    connection: &impl sea_orm::ConnectionTrait,
    invitation_id: Uuid,
) -> Result<Vec<Model>, DbErr> {
    use sea_orm::QueryOrder as _;
    let grants = Entity::find().filter(Column::InvitationId.eq(invitation_id));
    grants.order_by_asc(Column::Position).all(connection).await
}
