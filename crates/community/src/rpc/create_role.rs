use std::collections::BTreeSet;

use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use unicode_normalization::UnicodeNormalization as _;
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::access::{self, Reach};
use crate::authority::{Holdings, denied};
use crate::catalogue::{self, Catalogue, ROLES_CREATE};
use crate::entity::community::Kind;
use crate::entity::{community, role, role_permission};
use crate::error::Error;
use crate::role::{BuiltInRole, RoleId};
use crate::{Community, event, parse};

const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 10..=1_000;
const MOST_PERMISSIONS: usize = 200;
/// More than people can tell apart, and few enough to read all of them at once.
const MOST_ROLES: u64 = 200;

/// What the request says of the role.
struct Draft {
    display_name: String,
    description: String,
    /// As they were named.
    permissions: Vec<String>,
}

pub(crate) async fn create_role(
    service: &Community,
    caller: &Caller,
    request: pb::CreateRoleRequest,
) -> Result<pb::CreateRoleResponse, Error> {
    let maker = caller.person()?.user;
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse::<CommunityName>());
    let draft = Draft::parse(request.role.clone().unwrap_or_default(), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let parent = parse::required(parent, &mut violations)?;

    let holdings = Holdings::load(&*service.database, [(maker, parent)]).await?;
    let catalogue = Catalogue::load(&*service.database, holdings.custom_roles()).await?;
    let held = holdings.of(maker, parent);
    if !held.permissions(&catalogue, Reach::Here).contains(ROLES_CREATE) {
        return Err(denied(ROLES_CREATE, parent).into());
    }
    violations.finish()?;
    let permissions = draft.known_permissions(&catalogue)?;
    let reach = reach_of_role(service, parent).await?;
    draft.hold_to_ceiling(parent, &held.permissions(&catalogue, reach), &permissions)?;

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateRole", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let row = draft.row(service, parent);
    require_room(&change, &row).await?;
    insert(&change, &row, &permissions).await?;
    event::role_created(service, &change, &row).await?;
    let answer = pb::CreateRoleResponse { role: Some(row.to_proto(permissions)) };
    once.commit(change, &answer).await?;
    tracing::info!(role = %row.name(), "role {} created", row.id);
    Ok(answer)
}

/// How far a role of `community` can be given: a maker must hold its permissions as far.
async fn reach_of_role(service: &Community, community: CommunityName) -> Result<Reach, Error> {
    let row = community::Entity::find_by_id(community.0).one(&*service.database).await?;
    let row = row.ok_or_else(|| denied(ROLES_CREATE, community))?;
    Ok(match row.kind {
        Kind::Mssp => Reach::Subtree,
        Kind::Managed => Reach::Here,
    })
}

impl Draft {
    fn parse(asked: pb::Role, violations: &mut Violations) -> Self {
        let display_name = violations.text("role.display_name", &asked.display_name, DISPLAY_NAME_LENGTH);
        let description = violations.text("role.description", &asked.description, DESCRIPTION_LENGTH);
        let number_fits = (1..=MOST_PERMISSIONS).contains(&asked.permissions.len());
        let number = format_args!("must hold 1 to {MOST_PERMISSIONS} permissions");
        violations.require(number_fits, "role.permissions", number);
        Self { display_name, description, permissions: asked.permissions }
    }

    /// The permissions by their names in the catalogue, each once.
    fn known_permissions<'c>(&self, catalogue: &'c Catalogue) -> Result<BTreeSet<&'c str>, Error> {
        let mut known = BTreeSet::new();
        for named in &self.permissions {
            let permission = catalogue.get(catalogue::canonical(named));
            let permission = permission.ok_or_else(|| Error::UnknownPermission(named.clone()))?;
            known.insert(permission.name.as_str());
        }
        Ok(known)
    }

    fn hold_to_ceiling(
        &self,
        community: CommunityName,
        held: &BTreeSet<&str>,
        asked: &BTreeSet<&str>,
    ) -> Result<(), Error> {
        let permissions = access::beyond_maker(held, asked);
        if permissions.is_empty() {
            return Ok(());
        }
        Err(Error::RoleExceedsAuthority { community, role: self.display_name.clone(), permissions })
    }

    fn row(&self, service: &Community, community: CommunityName) -> role::Model {
        let now = service.clock.now();
        role::Model {
            id: service.random.uuid(now),
            community_id: community.0,
            display_name: self.display_name.clone(),
            display_name_key: name_key(&self.display_name),
            description: self.description.clone(),
            version: 1,
            create_time: now,
            update_time: now,
        }
    }
}

/// The form of a display name to compare by: people take `Réviseur` and `RÉVISEUR` for the same, however they
/// are encoded.
fn name_key(display_name: &str) -> String {
    display_name.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// Refuses a role that would be one too many, or that people would take for another. Holds until `change`
/// ends.
async fn require_room(change: &Change, row: &role::Model) -> Result<(), Error> {
    let community = CommunityName(row.community_id);
    community::lock(change, community).await?;
    let same_name = |name: &str| name_key(name) == row.display_name_key;
    if let Some(taken) = BuiltInRole::ALL.into_iter().find(|role| same_name(role.display_name())) {
        return Err(Error::RoleNameTaken(RoleId::BuiltIn(taken).in_community(community)));
    }
    let others =
        role::Entity::find().filter(role::Column::CommunityId.eq(community.0)).all(&**change).await?;
    if let Some(taken) = others.iter().find(|other| other.display_name_key == row.display_name_key) {
        return Err(Error::RoleNameTaken(taken.name()));
    }
    if others.len() as u64 >= MOST_ROLES {
        return Err(Error::RoleLimitReached { community, limit: MOST_ROLES });
    }
    Ok(())
}

async fn insert(change: &Change, row: &role::Model, permissions: &BTreeSet<&str>) -> Result<(), Error> {
    let role = role::ActiveModel::from(row.clone()).reset_all();
    role::Entity::insert(role).exec_without_returning(&**change).await?;
    let rows = permissions.iter().map(|permission| {
        let row = role_permission::Model { role_id: row.id, permission: (*permission).to_owned() };
        role_permission::ActiveModel::from(row).reset_all()
    });
    role_permission::Entity::insert_many(rows).exec_without_returning(&**change).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::name_key;

    #[test]
    fn names_that_look_alike_have_one_key() {
        assert_eq!(name_key("Re\u{301}viseur"), name_key("RÉVISEUR"));
        assert_ne!(name_key("Reviseur"), name_key("Réviseur"));
    }
}
