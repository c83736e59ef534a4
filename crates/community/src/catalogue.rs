//! The catalogue of permissions: Usher's own, those that other services registered, and which custom roles
//! hold them.
//!
//! Nothing of it is kept in memory between calls: a permission that was registered, or a role that was
//! changed, counts on every replica in the first check after the answer.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{ExprTrait as _, OnConflict, Query};
use sea_orm::{ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, JoinType};
use uuid::Uuid;

use crate::entity::permission::{self, Category};
use crate::entity::role_permission;
use crate::error::Error;
use crate::role::RoleId;

/// The owner of Usher's own permissions in the catalogue.
pub(crate) const OWNER: &str = "usher";

/// To see a community.
pub(crate) const COMMUNITIES_GET: &str = "communities.get";
/// To make communities inside.
pub(crate) const COMMUNITIES_CREATE: &str = "communities.create";
/// To see members and what they may do.
pub(crate) const MEMBERS_LIST: &str = "members.list";
/// To change a community, its settings and image.
pub(crate) const COMMUNITIES_UPDATE: &str = "communities.update";
/// To delete a community, and to take that back.
pub(crate) const COMMUNITIES_DELETE: &str = "communities.delete";
/// To make people members without asking them.
pub(crate) const MEMBERS_CREATE: &str = "members.create";
/// To change what members hold.
pub(crate) const MEMBERS_UPDATE: &str = "members.update";
/// To remove members.
pub(crate) const MEMBERS_DELETE: &str = "members.delete";
/// To suspend and reactivate members.
pub(crate) const MEMBERS_SUSPEND: &str = "members.suspend";
/// To take the second factor from members who lost it.
pub(crate) const MEMBERS_RESET_TWO_FACTOR: &str = "members.resetTwoFactor";
/// To change roles.
pub(crate) const ROLES_UPDATE: &str = "roles.update";
/// To delete roles.
pub(crate) const ROLES_DELETE: &str = "roles.delete";
/// To invite.
pub(crate) const INVITATIONS_CREATE: &str = "invitations.create";
/// To see roles.
pub(crate) const ROLES_LIST: &str = "roles.list";
/// To make roles.
pub(crate) const ROLES_CREATE: &str = "roles.create";
/// To give roles beyond one's own, as far as they administer nothing.
pub(crate) const ROLES_ASSIGN: &str = "roles.assign";

/// To connect identity providers, and to disconnect them.
pub(crate) const CONNECTIONS_MANAGE: &str = "connections.manage";
/// To see API keys, and what service accounts may do.
pub(crate) const API_KEYS_LIST: &str = "apiKeys.list";
/// To make API keys, and to give service accounts permissions.
pub(crate) const API_KEYS_CREATE: &str = "apiKeys.create";
/// To revoke API keys, and to take permissions from service accounts.
pub(crate) const API_KEYS_REVOKE: &str = "apiKeys.revoke";
/// To act on behalf of people. Means something to service accounts alone.
pub(crate) const REPRESENT: &str = "serviceAccounts.represent";

/// Usher's own permissions. A migration puts them into the catalogue: whoever adds one here adds a step that
/// calls [`insert_own`] again.
const OWN: [(&str, Category, &str); 30] = [
    (COMMUNITIES_GET, Category::View, "See the community."),
    (COMMUNITIES_UPDATE, Category::Admin, "Change the name, description and web site of the community."),
    (COMMUNITIES_CREATE, Category::Admin, "Create managed communities inside the community."),
    (COMMUNITIES_DELETE, Category::Admin, "Delete the community."),
    (MEMBERS_LIST, Category::View, "See who belongs to the community and what each may do."),
    (MEMBERS_CREATE, Category::Admin, "Add people without an invitation."),
    (MEMBERS_UPDATE, Category::Admin, "Change the roles of members."),
    (MEMBERS_DELETE, Category::Admin, "Remove members."),
    (MEMBERS_SUSPEND, Category::Admin, "Deactivate and reactivate members."),
    (MEMBERS_RESET_TWO_FACTOR, Category::Admin, "Let members who lost their second factor enrol anew."),
    ("invitations.list", Category::View, "See invitations into the community."),
    (INVITATIONS_CREATE, Category::Admin, "Invite people."),
    ("invitations.update", Category::Admin, "Change invitations."),
    ("invitations.resend", Category::Admin, "Send invitations again."),
    ("invitations.revoke", Category::Admin, "Withdraw invitations."),
    (
        "acceptances.list",
        Category::Admin,
        "See what people agreed to when they accepted invitations, and from where.",
    ),
    (ROLES_LIST, Category::View, "See the roles of the community."),
    (ROLES_CREATE, Category::Admin, "Create roles out of one's own permissions."),
    (ROLES_UPDATE, Category::Admin, "Change roles."),
    (ROLES_DELETE, Category::Admin, "Delete roles."),
    (
        ROLES_ASSIGN,
        Category::Admin,
        "Give roles that hold no administrative permission, whatever one holds oneself.",
    ),
    (API_KEYS_LIST, Category::View, "See the API keys of the community."),
    (API_KEYS_CREATE, Category::Admin, "Create API keys."),
    (API_KEYS_REVOKE, Category::Admin, "Revoke API keys."),
    (CONNECTIONS_MANAGE, Category::Admin, "Connect identity providers that people sign in by."),
    ("webhooks.list", Category::Admin, "See the webhooks of the community, and what they were told."),
    ("webhooks.create", Category::Admin, "Have web servers told what happens in the community."),
    ("webhooks.update", Category::Admin, "Change webhooks and their secrets, and have them told again."),
    ("webhooks.delete", Category::Admin, "Delete webhooks."),
    (REPRESENT, Category::Admin, "Act on behalf of people, as a service account, within what both may do."),
];

/// The names under which the origin of the product knew permissions. There, members were only ever added by
/// inviting them, so adding is inviting here, not `members.create`, which spares the person the asking.
const ALIASES: [(&str, &str); 3] = [
    ("COMMUNITY_ADD_MEMBER", INVITATIONS_CREATE),
    ("COMMUNITY_LIST_MEMBER", MEMBERS_LIST),
    ("COMMUNITY_REMOVE_MEMBER", MEMBERS_DELETE),
];

/// The name in the catalogue of what a request names.
pub(crate) fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, permission)| permission)
}

/// Whether `name` is one of Usher's own permissions.
pub(crate) fn is_own(name: &str) -> bool {
    OWN.iter().any(|(own, ..)| *own == name)
}

/// Whether `name` is one of Usher's own permissions on `resource`.
pub(crate) fn is_own_of(resource: &str, name: &str) -> bool {
    is_own(name) && name.split('.').next() == Some(resource)
}

/// Puts Usher's own permissions into the catalogue as they are in [`OWN`], whatever is there already.
pub(crate) async fn insert_own(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let rows = OWN.map(|(name, category, description)| permission::ActiveModel {
        name: Set(name.to_owned()),
        category: Set(category),
        description: Set(description.to_owned()),
        service: Set(OWNER.to_owned()),
    });
    let columns =
        [permission::Column::Category, permission::Column::Description, permission::Column::Service];
    let overwrite = OnConflict::column(permission::Column::Name).update_columns(columns).to_owned();
    permission::Entity::insert_many(rows).on_conflict(overwrite).exec_without_returning(connection).await?;
    Ok(())
}

/// A permission, and which of the custom roles that were asked about hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(crate) name: String,
    pub(crate) category: Category,
    pub(crate) custom_roles: HashSet<Uuid>,
}

impl Permission {
    pub(crate) fn held_by(&self, role: RoleId) -> bool {
        match role {
            RoleId::BuiltIn(role) => role.holds(&self.name, self.category),
            RoleId::Custom(id) => self.custom_roles.contains(&id),
        }
    }
}

/// Permissions by name.
pub(crate) type ByName = BTreeMap<String, Permission>;

/// All permissions there are. What a role holds can only be told from all of them, hence a type of its own.
#[derive(Debug)]
pub(crate) struct Catalogue(ByName);

impl Catalogue {
    /// The catalogue, which can tell what built-in roles and those of `roles` hold.
    pub(crate) async fn load(
        connection: &impl ConnectionTrait,
        roles: impl IntoIterator<Item = Uuid>,
    ) -> Result<Self, DbErr> {
        Ok(Self(load(connection, roles).await?))
    }

    /// A catalogue of these permissions.
    #[cfg(test)]
    pub(crate) fn of(permissions: impl IntoIterator<Item = Permission>) -> Self {
        Self(permissions.into_iter().map(|permission| (permission.name.clone(), permission)).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Permission> {
        self.0.get(name)
    }

    /// The names in the catalogue of the permissions that a request names, each once.
    ///
    /// # Errors
    /// [`Error::UnknownPermission`]
    pub(crate) fn known(&self, named: &[String]) -> Result<BTreeSet<String>, Error> {
        let mut known = BTreeSet::new();
        for name in named {
            let permission = self.get(canonical(name));
            let permission = permission.ok_or_else(|| Error::UnknownPermission(name.clone()))?;
            known.insert(permission.name.clone());
        }
        Ok(known)
    }

    pub(crate) fn permissions(&self) -> impl Iterator<Item = &Permission> {
        self.0.values()
    }

    /// The permissions that `role` holds. A custom role must be one of those that the catalogue was loaded
    /// with.
    pub(crate) fn permissions_of(&self, role: RoleId) -> BTreeSet<&str> {
        self.permissions().filter(|it| it.held_by(role)).map(|it| it.name.as_str()).collect()
    }

    /// Whether `name` lets its holder administer something.
    pub(crate) fn is_administrative(&self, name: &str) -> bool {
        self.get(name).is_some_and(|permission| permission.category == Category::Admin)
    }
}

async fn load(
    connection: &impl ConnectionTrait,
    roles: impl IntoIterator<Item = Uuid>,
) -> Result<ByName, DbErr> {
    let of_roles = Condition::all()
        .add(
            role_permission::Column::Permission
                .into_expr()
                .eq(sea_orm::sea_query::Expr::col((permission::Entity, permission::Column::Name))),
        )
        .add(role_permission::Column::RoleId.is_in(roles));
    let query = Query::select()
        .column((permission::Entity, permission::Column::Name))
        .column((permission::Entity, permission::Column::Category))
        .column((role_permission::Entity, role_permission::Column::RoleId))
        .from(permission::Entity)
        .join(JoinType::LeftJoin, role_permission::Entity, of_roles)
        .to_owned();
    let mut permissions = ByName::new();
    for row in connection.query_all(&query).await? {
        let name: String = row.try_get("", "name")?;
        let category = row.try_get("", "category")?;
        let role: Option<Uuid> = row.try_get("", "role_id")?;
        let permission = permissions.entry(name.clone());
        let permission =
            permission.or_insert_with(|| Permission { name, category, custom_roles: HashSet::new() });
        permission.custom_roles.extend(role);
    }
    Ok(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_lead_to_permissions_that_exist() {
        for (alias, permission) in ALIASES {
            assert_eq!(canonical(alias), permission);
            assert!(is_own(permission), "{permission}");
        }
        assert_eq!(canonical("alerts.view"), "alerts.view");
    }

    #[test]
    fn nobody_invites_by_looking_or_working() {
        let category = |name| OWN.iter().find(|(own, ..)| *own == name).map(|(_, category, _)| *category);
        assert_eq!(category(INVITATIONS_CREATE), Some(Category::Admin));
        assert_eq!(category(ROLES_ASSIGN), Some(Category::Admin));
        assert_eq!(category(COMMUNITIES_GET), Some(Category::View));
    }
}
