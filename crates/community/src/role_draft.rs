//! What a request says of a custom role, and whether it may be so.

use std::collections::BTreeSet;

use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::{Change, Violations};
use uuid::Uuid;

use crate::access;
use crate::catalogue::Catalogue;
use crate::entity::{role, role_permission};
use crate::error::Error;
use crate::parse::name_key;
use crate::role::{BuiltInRole, RoleId};

const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 10..=1_000;
const MOST_PERMISSIONS: usize = 200;
/// More than people can tell apart, and few enough to read all of them at once.
const MOST_ROLES: u64 = 200;

/// The fields that people can change.
pub(crate) const FIELDS: [&str; 3] = ["display_name", "description", "permissions"];

/// What a request says of a role. `None` where it says nothing.
#[derive(Clone, Debug)]
pub(crate) struct RoleDraft {
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    /// As they were named.
    permissions: Option<Vec<String>>,
}

impl RoleDraft {
    /// Reads those of [`FIELDS`] that are in `mask`.
    pub(crate) fn parse(asked: &pb::Role, mask: &BTreeSet<&str>, violations: &mut Violations) -> Self {
        let mut text = |field: &str, value: &str, length| {
            let named = mask.contains(field);
            named.then(|| violations.text(&format!("role.{field}"), value, length))
        };
        let display_name = text("display_name", &asked.display_name, DISPLAY_NAME_LENGTH);
        let description = text("description", &asked.description, DESCRIPTION_LENGTH);
        let permissions = mask.contains("permissions").then(|| {
            let number_fits = (1..=MOST_PERMISSIONS).contains(&asked.permissions.len());
            let number = format_args!("must hold 1 to {MOST_PERMISSIONS} permissions");
            violations.require(number_fits, "role.permissions", number);
            asked.permissions.clone()
        });
        Self { display_name, description, permissions }
    }

    /// The permissions by their names in the catalogue, each once. `None` if the request says nothing of them.
    pub(crate) fn known_permissions(&self, catalogue: &Catalogue) -> Result<Option<BTreeSet<String>>, Error> {
        self.permissions.as_ref().map(|named| catalogue.known(named)).transpose()
    }
}

/// Whether `field` of a role is set in a request.
pub(crate) fn is_filled(asked: &pb::Role, field: &str) -> bool {
    match field {
        "display_name" => !asked.display_name.is_empty(),
        "description" => !asked.description.is_empty(),
        _ => !asked.permissions.is_empty(),
    }
}

/// Refuses a maker who lacks one of the permissions `asked` for the role `called` so in `community`.
pub(crate) fn hold_to_ceiling(
    community: CommunityName,
    called: &str,
    held: &BTreeSet<&str>,
    asked: &BTreeSet<String>,
) -> Result<(), Error> {
    let asked = asked.iter().map(String::as_str).collect();
    let permissions = access::beyond_maker(held, &asked);
    if permissions.is_empty() {
        return Ok(());
    }
    Err(Error::RoleExceedsAuthority { community, role: called.to_owned(), permissions })
}

/// Refuses a role that would be one too many, or that people would take for another. Its tree must be held.
pub(crate) async fn require_room(change: &Change, row: &role::Model) -> Result<(), Error> {
    let community = CommunityName(row.community_id);
    let same_name = |name: &str| name_key(name) == row.display_name_key;
    if let Some(taken) = BuiltInRole::ALL.into_iter().find(|role| same_name(role.display_name())) {
        return Err(Error::RoleNameTaken(RoleId::BuiltIn(taken).in_community(community)));
    }
    let others = role::Entity::find()
        .filter(role::Column::CommunityId.eq(community.0))
        .filter(role::Column::Id.ne(row.id))
        .all(&**change)
        .await?;
    if let Some(taken) = others.iter().find(|other| other.display_name_key == row.display_name_key) {
        return Err(Error::RoleNameTaken(taken.name()));
    }
    if others.len() as u64 >= MOST_ROLES {
        return Err(Error::RoleLimitReached { community, limit: MOST_ROLES });
    }
    Ok(())
}

/// Writes the permissions of a role that has none.
pub(crate) async fn write_permissions(
    change: &Change,
    role: Uuid,
    permissions: &BTreeSet<String>,
) -> Result<(), Error> {
    let rows = permissions.iter().map(|permission| {
        let row = role_permission::Model { role_id: role, permission: permission.clone() };
        role_permission::ActiveModel::from(row).reset_all()
    });
    role_permission::Entity::insert_many(rows).exec_without_returning(&**change).await?;
    Ok(())
}

/// Takes all permissions from a role.
pub(crate) async fn clear_permissions(change: &Change, role: Uuid) -> Result<(), Error> {
    role_permission::Entity::delete_many()
        .filter(role_permission::Column::RoleId.eq(role))
        .exec(&**change)
        .await?;
    Ok(())
}
