use sea_orm::EntityTrait as _;
use usher_api::community as pb;
use usher_api::name::{CommunityName, RoleName};
use usher_runtime::{Caller, Violations};

use crate::catalogue::{Catalogue, ROLES_LIST};
use crate::entity::{community, role};
use crate::error::Error;
use crate::role::RoleId;
use crate::{Community, authority, parse};

pub(crate) async fn get_role(
    service: &Community,
    caller: &Caller,
    request: pb::GetRoleRequest,
) -> Result<pb::GetRoleResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse());
    let name: RoleName = parse::required(name, &mut violations)?;
    authority::require(service, caller, ROLES_LIST, name.community).await?;
    let found = find(service, &name).await?;
    Ok(pb::GetRoleResponse { role: Some(found.ok_or(Error::RoleNotFound(name))?) })
}

/// The role that can be given in the community of `name`: its own, or one of its parent, which then bears the
/// parent's name.
pub(super) async fn find(service: &Community, name: &RoleName) -> Result<Option<pb::Role>, Error> {
    let connection = &*service.database;
    let community = community::Entity::find_by_id(name.community.0).one(connection).await?;
    let (Some(community), Ok(id)) = (community, name.id.parse::<RoleId>()) else { return Ok(None) };
    let row = match id {
        RoleId::BuiltIn(role) => {
            let catalogue = Catalogue::load(connection, []).await?;
            return Ok(Some(role.to_proto(name.community, &catalogue)));
        }
        RoleId::Custom(id) => role::Entity::find_by_id(id).one(connection).await?,
    };
    let belongs = |row: &role::Model| {
        let owner = CommunityName(row.community_id);
        owner == community.name() || Some(owner) == community.parent()
    };
    let Some(row) = row.filter(belongs) else { return Ok(None) };
    let catalogue = Catalogue::load(connection, [row.id]).await?;
    Ok(Some(row.to_proto(catalogue.permissions_of(id))))
}
