//! Roles: the built-in ones, and how any role is told apart from others.

use std::fmt;
use std::str::FromStr;

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use usher_api::community as pb;
use usher_api::name::{CommunityName, RoleName};
use uuid::Uuid;

use crate::catalogue::{self, Catalogue};
use crate::entity::permission::Category;

/// A role that every community has and nobody can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuiltInRole {
    /// Looks.
    Guest,
    /// Looks and works.
    Analyst,
    /// Does everything.
    Admin,
    /// Looks, and administers members and invitations.
    ManageMember,
    /// Looks, and administers roles.
    ManageRoles,
    /// Looks, and administers the community and those inside.
    ManageCommunity,
    /// Looks, and administers API keys.
    ManageApiKeys,
}

impl BuiltInRole {
    /// All of them, in the order in which they are listed.
    pub(crate) const ALL: [Self; 7] = [
        Self::Guest,
        Self::Analyst,
        Self::Admin,
        Self::ManageMember,
        Self::ManageRoles,
        Self::ManageCommunity,
        Self::ManageApiKeys,
    ];

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
            Self::ManageMember => "manage_member",
            Self::ManageRoles => "manage_roles",
            Self::ManageCommunity => "manage_community",
            Self::ManageApiKeys => "manage_api_keys",
        }
    }

    pub(crate) fn display_name(self) -> &'static str {
        match self {
            Self::Guest => "Guest",
            Self::Analyst => "Analyst",
            Self::Admin => "Admin",
            Self::ManageMember => "Manage members",
            Self::ManageRoles => "Manage roles",
            Self::ManageCommunity => "Manage community",
            Self::ManageApiKeys => "Manage API keys",
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Guest => "Sees everything and changes nothing.",
            Self::Analyst => "Sees everything and does the daily work.",
            Self::Admin => "Holds every permission.",
            Self::ManageMember => "Sees everything; invites, changes and removes members.",
            Self::ManageRoles => "Sees everything; makes, changes, deletes and assigns roles.",
            Self::ManageCommunity => {
                "Sees everything; changes the community and makes communities inside it."
            }
            Self::ManageApiKeys => "Sees everything; creates and revokes API keys.",
        }
    }

    /// Whether the role holds the permission `name` of this category. `guest`, `analyst` and `admin` follow
    /// the catalogue; the `manage_…` roles add permissions of Usher itself, never of other services.
    pub(crate) fn holds(self, name: &str, category: Category) -> bool {
        let looks = category == Category::View;
        match self {
            Self::Guest => looks,
            Self::Analyst => looks || category == Category::Manage,
            Self::Admin => true,
            Self::ManageMember => {
                looks || catalogue::is_own_of("members", name) || catalogue::is_own_of("invitations", name)
            }
            Self::ManageRoles => looks || catalogue::is_own_of("roles", name),
            Self::ManageCommunity => looks || catalogue::is_own_of("communities", name),
            Self::ManageApiKeys => looks || catalogue::is_own_of("apiKeys", name),
        }
    }

    /// The resource in `community`.
    pub(crate) fn to_proto(self, community: CommunityName, catalogue: &Catalogue) -> pb::Role {
        let id = RoleId::BuiltIn(self);
        pb::Role {
            name: id.in_community(community).to_string(),
            display_name: self.display_name().to_owned(),
            description: self.description().to_owned(),
            permissions: catalogue.permissions_of(id).into_iter().map(str::to_owned).collect(),
            built_in: true,
            etag: String::new(),
            create_time: None,
            update_time: None,
        }
    }
}

/// Another spelling of `manage_member`, understood wherever a role is named.
const MANAGE_MEMBER_ALIAS: &str = "manage_members";

/// A role without its community. Never reused, so that what refers to a role never comes to mean another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
#[sea_orm(value_type = "String", column_type = "Text")]
pub enum RoleId {
    /// A built-in role.
    BuiltIn(BuiltInRole),
    /// A custom role.
    Custom(Uuid),
}

/// A text that is not the id of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of a built-in role or a UUID")]
pub struct InvalidRoleId;

impl RoleId {
    /// The name of the role as one of `community`.
    pub(crate) fn in_community(self, community: CommunityName) -> RoleName {
        RoleName { community, id: self.to_string() }
    }

    /// The id of a custom role.
    pub(crate) fn custom(self) -> Option<Uuid> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Custom(id) => Some(id),
        }
    }
}

/// What a column of a primary key must be able to say: that it is no number.
impl TryFromU64 for RoleId {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("RoleId"))
    }
}

impl fmt::Display for RoleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => formatter.write_str(role.id()),
            Self::Custom(id) => write!(formatter, "{id}"),
        }
    }
}

impl FromStr for RoleId {
    type Err = InvalidRoleId;

    fn from_str(text: &str) -> Result<Self, InvalidRoleId> {
        let spelled = if text == MANAGE_MEMBER_ALIAS { BuiltInRole::ManageMember.id() } else { text };
        if let Some(role) = BuiltInRole::ALL.into_iter().find(|role| role.id() == spelled) {
            return Ok(Self::BuiltIn(role));
        }
        // Only the one canonical spelling: a role has one name.
        let id = Uuid::try_parse(text).ok().filter(|id| id.to_string() == text);
        id.map(Self::Custom).ok_or(InvalidRoleId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_storage() {
        for role in BuiltInRole::ALL {
            assert_eq!(role.id().parse(), Ok(RoleId::BuiltIn(role)));
        }
        let custom = RoleId::Custom(Uuid::from_u128(7));
        assert_eq!(custom.to_string().parse(), Ok(custom));
        assert_eq!("manage_members".parse(), Ok(RoleId::BuiltIn(BuiltInRole::ManageMember)));
        for text in ["", "Guest", "owner", "0199C0DE-0000-7000-8000-000000000001"] {
            assert_eq!(text.parse::<RoleId>(), Err(InvalidRoleId), "{text}");
        }
    }

    #[test]
    fn roles_that_manage_one_thing_manage_nothing_else() {
        let holds = |role: BuiltInRole, name| role.holds(name, Category::Admin);
        assert!(holds(BuiltInRole::ManageMember, "members.delete"));
        assert!(holds(BuiltInRole::ManageMember, "invitations.create"));
        assert!(!holds(BuiltInRole::ManageMember, "roles.assign"));
        assert!(holds(BuiltInRole::ManageRoles, "roles.assign"));
        assert!(!holds(BuiltInRole::ManageRoles, "invitations.create"));
        assert!(holds(BuiltInRole::ManageCommunity, "communities.create"));
        assert!(!holds(BuiltInRole::ManageCommunity, "members.create"));
        assert!(holds(BuiltInRole::ManageApiKeys, "apiKeys.revoke"));
        assert!(!holds(BuiltInRole::ManageApiKeys, "members.create"));
        // Another service may name its resources as it likes; that gives nobody anything.
        assert!(!holds(BuiltInRole::ManageMember, "members.impersonate"));
    }

    #[test]
    fn those_that_follow_the_catalogue_go_by_category() {
        let held = |role: BuiltInRole| {
            [Category::View, Category::Manage, Category::Admin]
                .map(|category| role.holds("alerts.do", category))
        };
        assert_eq!(held(BuiltInRole::Guest), [true, false, false]);
        assert_eq!(held(BuiltInRole::Analyst), [true, true, false]);
        assert_eq!(held(BuiltInRole::Admin), [true, true, true]);
        assert_eq!(held(BuiltInRole::ManageMember), [true, false, false]);
    }
}
