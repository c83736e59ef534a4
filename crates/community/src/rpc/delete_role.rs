use sea_orm::EntityTrait as _;
use usher_api::community as pb;
use usher_api::name::{CommunityName, RoleName};
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use super::update_role::find_custom;
use crate::authority::require_for_change;
use crate::catalogue::ROLES_DELETE;
use crate::consistency::ConsistencyToken;
use crate::entity::role::{Entity, Model};
use crate::error::Error;
use crate::event::RoleFact;
use crate::role_usage::RoleUsers;
use crate::tree::{self, HeldCommunity};
use crate::{Community, event, parse, role_draft};

pub(crate) async fn delete_role(
    service: &Community,
    caller: &Caller,
    request: pb::DeleteRoleRequest,
) -> Result<pb::DeleteRoleResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<RoleName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    let once = Once::new(&service.sealing, &service.clock, caller, "DeleteRole", request_id, &request);
    // Before the authority, which the change itself may have taken from the caller.
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    require_for_change(&*service.database, caller, ROLES_DELETE, name.community).await?;
    violations.finish()?;

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, name.community).await?;
    require_for_change(&*change, caller, ROLES_DELETE, name.community).await?;
    let row = find_custom(&change, &name).await?;
    tree::require_etag(&request.etag, row.version, &name)?;
    let users = RoleUsers::load(&change, &row).await?;
    if !request.force {
        users.require_none(&row)?;
    }
    let without_roles = users.count_left_without_roles(&change, &row).await?;
    users.take_role(service, &change, &community, &row).await?;
    delete(service, &change, community.root.name(), row).await?;
    let answer = pb::DeleteRoleResponse {
        changed_member_count: users.member_count(),
        members_without_roles_count: without_roles,
        invitation_count: users.invitation_count(),
        consistency_token: ConsistencyToken::seal(service, community.held)?,
    };
    once.commit(change, &answer).await?;
    tracing::info!(role = %name, "role {} deleted", name.id);
    Ok(answer)
}

async fn delete(service: &Community, change: &Change, root: CommunityName, row: Model) -> Result<(), Error> {
    role_draft::clear_permissions(change, row.id).await?;
    Entity::delete_by_id(row.id).exec(&**change).await?;
    let gone = Model { version: row.version + 1, update_time: service.clock.now(), ..row };
    event::of_role(service, change, root, &gone, RoleFact::Deleted).await
}
