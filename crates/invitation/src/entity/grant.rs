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
    /// What custom roles held when they were offered, a line for each: the role and its permissions, separated by spaces.
    pub offered_roles: String,
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

    /// As the resource shows it.
    pub(crate) fn to_proto(&self) -> pb::Grant {
        pb::Grant {
            community: CommunityName(self.community_id).to_string(),
            roles: self.roles.split(',').map(str::to_owned).collect(),
            inheritance: self.inheritance,
            outcome: self.outcome,
            offered_roles: Vec::new(),
        }
    }

    /// As the community service made it, with what the roles held then.
    pub(crate) fn to_offer(&self) -> pb::Grant {
        let offered_roles = self.offered_roles.lines().map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            pb::OfferedRole { role: words.next().unwrap_or_default(), permissions: words.collect() }
        });
        pb::Grant { offered_roles: offered_roles.collect(), ..self.to_proto() }
    }
}

/// What is kept of what the roles of `grant` hold. Names of roles and permissions have no spaces.
pub(crate) fn offered_roles(grant: &pb::Grant) -> String {
    let line = |role: &pb::OfferedRole| {
        let words = std::iter::once(&role.role).chain(&role.permissions);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    grant.offered_roles.iter().map(line).collect::<Vec<_>>().join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_the_roles_held() {
        let role = |name: &str, permissions: &[&str]| pb::OfferedRole {
            role: name.to_owned(),
            permissions: permissions.iter().map(|it| (*it).to_owned()).collect(),
        };
        for offered in
            [vec![], vec![role("a", &[])], vec![role("a", &["x.do", "y.do"]), role("b", &["x.do"])]]
        {
            let grant = pb::Grant { offered_roles: offered.clone(), ..pb::Grant::default() };
            let row = Model {
                invitation_id: Uuid::nil(),
                community_id: Uuid::nil(),
                position: 0,
                roles: "guest".to_owned(),
                offered_roles: offered_roles(&grant),
                inheritance: 0,
                outcome: 0,
                email_canonical: String::new(),
                live: true,
            };
            assert_eq!(row.to_offer().offered_roles, offered);
            assert!(row.to_proto().offered_roles.is_empty());
        }
    }
}
