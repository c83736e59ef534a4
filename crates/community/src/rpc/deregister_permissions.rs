use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use usher_api::community as pb;
use usher_runtime::{Caller, Change, Failure, Violations};
use uuid::Uuid;

use crate::consistency::ConsistencyToken;
use crate::entity::permission::{Column, Entity};
use crate::entity::{role, role_permission};
use crate::error::Error;
use crate::event::{self, PermissionFact};
use crate::{Community, parse, tree};

const MOST_PERMISSIONS: usize = 200;
/// How many roles a refusal names.
const NAMED: u64 = 20;

pub(crate) async fn deregister_permissions(
    service: &Community,
    caller: &Caller,
    request: pb::DeregisterPermissionsRequest,
) -> Result<pb::DeregisterPermissionsResponse, Error> {
    let owner = caller.service.as_deref().ok_or(Failure::TokenMissing)?;
    let mut violations = Violations::default();
    let number_fits = (1..=MOST_PERMISSIONS).contains(&request.permissions.len());
    violations.require(number_fits, "permissions", "must hold 1 to 200 permissions");
    for (place, name) in request.permissions.iter().enumerate().take(MOST_PERMISSIONS) {
        parse::permission(&format!("permissions[{place}]"), name, &mut violations);
    }
    violations.finish()?;

    let change = service.database.change().await?;
    let held = tree::hold_catalogue(&change).await?;
    let rows = Entity::find()
        .filter(Column::Name.is_in(request.permissions))
        .order_by_asc(Column::Name)
        .all(&*change)
        .await?;
    if let Some(foreign) = rows.iter().find(|row| row.service != owner) {
        let (permission, service) = (foreign.name.clone(), foreign.service.clone());
        return Err(Error::PermissionTaken { permission, service });
    }
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let held = if names.is_empty() {
        held.unchanged()
    } else {
        require_unused(&change, &names).await?;
        Entity::delete_many().filter(Column::Name.is_in(names.iter().copied())).exec(&*change).await?;
        let (now, gone) = (service.clock.now(), PermissionFact::Deregistered);
        event::of_permissions(service, &change, names.iter().copied(), held.number, gone, now).await?;
        change.commit().await?;
        held
    };
    let consistency_token = ConsistencyToken::seal(service, held)?;
    tracing::info!(owner, permissions = names.len(), "permissions of {owner} deregistered");
    Ok(pb::DeregisterPermissionsResponse { consistency_token })
}

/// Refuses if a custom role holds one of the permissions. A role that takes one up at the same moment waits for the catalogue,
/// by the reference from its row.
async fn require_unused(change: &Change, names: &BTreeSet<&str>) -> Result<(), Error> {
    let holding = role_permission::Entity::find()
        .filter(role_permission::Column::Permission.is_in(names.iter().copied()))
        .order_by_asc(role_permission::Column::Permission)
        .one(&**change)
        .await?;
    let Some(first) = holding else { return Ok(()) };
    let holding =
        || role_permission::Entity::find().filter(role_permission::Column::Permission.eq(&first.permission));
    let ids: Vec<Uuid> = holding()
        .select_only()
        .column(role_permission::Column::RoleId)
        .order_by_asc(role_permission::Column::RoleId)
        .limit(NAMED)
        .into_tuple()
        .all(&**change)
        .await?;
    let roles = role::Entity::find()
        .filter(role::Column::Id.is_in(ids))
        .order_by_asc(role::Column::Id)
        .all(&**change);
    Err(Error::PermissionInUse {
        roles: roles.await?.iter().map(role::Model::name).collect(),
        role_count: holding().count(&**change).await?,
        permission: first.permission,
    })
}
