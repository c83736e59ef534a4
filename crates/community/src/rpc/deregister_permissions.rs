use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};
use usher_api::community as pb;
use usher_runtime::{Caller, Change, Failure, Violations};
use uuid::Uuid;

use crate::consistency::ConsistencyToken;
use crate::entity::permission::{Column, Entity};
use crate::entity::{role, role_permission};
use crate::error::Error;
use crate::event::{self, PermissionFact};
use crate::{Community, parse, programs, tree};

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
        // Whoever takes one up at the same moment comes before this, and is seen, or finds it gone.
        .lock_exclusive()
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

/// Refuses if a custom role, an API key that has not ended, or a service account holds one of the permissions.
async fn require_unused(change: &Change, names: &BTreeSet<&str>) -> Result<(), Error> {
    let first_of_role = roles_holding(names).one(&**change).await?.map(|row| row.permission);
    let first_of_program =
        programs::holding(&**change, names).one(&**change).await?.map(|row| row.permission);
    let Some(permission) = first_of_role.into_iter().chain(first_of_program).min() else { return Ok(()) };

    let only = BTreeSet::from([permission.as_str()]);
    let ids: Vec<Uuid> = roles_holding(&only)
        .select_only()
        .column(role_permission::Column::RoleId)
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
        role_count: roles_holding(&only).count(&**change).await?,
        program_count: programs::holding(&**change, &only).count(&**change).await?,
        permission,
    })
}

/// What custom roles hold of `names`, by name.
fn roles_holding(names: &BTreeSet<&str>) -> Select<role_permission::Entity> {
    role_permission::Entity::find()
        .filter(role_permission::Column::Permission.is_in(names.iter().copied()))
        .order_by_asc(role_permission::Column::Permission)
        .order_by_asc(role_permission::Column::RoleId)
}
