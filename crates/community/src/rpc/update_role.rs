use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use usher_api::community as pb;
use usher_api::name::RoleName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Change, Failure, Once, Violations};

use crate::access::Reach;
use crate::authority::{Holdings, require_for_change};
use crate::catalogue::{Catalogue, ROLES_UPDATE};
use crate::consistency::ConsistencyToken;
use crate::entity::role::{Column, Entity, Model};
use crate::error::Error;
use crate::event::RoleFact;
use crate::role::RoleId;
use crate::role_draft::{self, RoleDraft};
use crate::tree::{self, HeldCommunity};
use crate::{Community, event, parse};

pub(crate) async fn update_role(
    service: &Community,
    caller: &Caller,
    request: pb::UpdateRoleRequest,
) -> Result<pb::UpdateRoleResponse, Error> {
    let editor = caller.actor()?;
    let asked = request.role.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let name = violations.check("role.name", asked.name.parse::<RoleName>());
    let filled = |field: &str| role_draft::is_filled(&asked, field);
    let mask = request.update_mask.as_ref();
    let mask = parse::update_mask(mask, &role_draft::FIELDS, filled, &mut violations);
    let draft = RoleDraft::parse(&asked, &mask, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = parse::required(name, &mut violations)?;
    let once = Once::new(&service.sealing, &service.clock, caller, "UpdateRole", request_id, &request);
    // Before the authority, which the change itself may have taken from the caller.
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    require_for_change(&*service.database, caller, ROLES_UPDATE, name.community).await?;
    violations.finish()?;

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, name.community).await?;
    require_for_change(&*change, caller, ROLES_UPDATE, name.community).await?;
    let row = find_custom(&change, &name).await?;
    tree::require_etag(&asked.etag, row.version, &name)?;
    let (row, permissions) = update(service, &change, editor, &community, row, draft).await?;
    let consistency_token = ConsistencyToken::seal(service, community.held)?;
    let answer = pb::UpdateRoleResponse { role: Some(row.to_proto(permissions)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(role = %name, "role {} updated", row.id);
    Ok(answer)
}

/// The custom role of exactly the community that `name` says: a role of the community above is changed there only.
pub(super) async fn find_custom(change: &Change, name: &RoleName) -> Result<Model, Error> {
    let id = match name.id.parse() {
        Ok(RoleId::BuiltIn(_)) => return Err(Error::RoleBuiltIn(name.clone())),
        Ok(RoleId::Custom(id)) => id,
        Err(_) => return Err(Error::RoleNotFound(name.clone())),
    };
    let row = Entity::find_by_id(id).one(&**change).await?;
    row.filter(|row| row.community_id == name.community.0).ok_or_else(|| Error::RoleNotFound(name.clone()))
}

/// Changes the role, if its editor holds all that it gains as far as it can be given.
async fn update(
    service: &Community,
    change: &Change,
    editor: Actor,
    community: &HeldCommunity,
    row: Model,
    draft: RoleDraft,
) -> Result<(Model, BTreeSet<String>), Error> {
    let place = community.row.name();
    let holdings = Holdings::load(&**change, [(editor, place)]).await?;
    let catalogue = Catalogue::load(&**change, holdings.custom_roles().into_iter().chain([row.id])).await?;
    let before: BTreeSet<String> =
        catalogue.permissions_of(RoleId::Custom(row.id)).into_iter().map(str::to_owned).collect();
    let after = draft.known_permissions(&catalogue)?.unwrap_or_else(|| before.clone());
    let held = holdings.of(editor, place).permissions(&catalogue, Reach::of(community.row.kind));
    let gained = after.difference(&before).cloned().collect();
    role_draft::hold_to_ceiling(place, &row.name().to_string(), &held, &gained)?;

    let display_name = draft.display_name.unwrap_or_else(|| row.display_name.clone());
    let changed = Model {
        display_name_key: parse::name_key(&display_name),
        display_name,
        description: draft.description.unwrap_or_else(|| row.description.clone()),
        version: row.version + 1,
        update_time: service.clock.now(),
        ..row
    };
    role_draft::require_room(change, &changed).await?;
    write(change, &changed).await?;
    if after != before {
        role_draft::clear_permissions(change, changed.id).await?;
        role_draft::write_permissions(change, changed.id, &after).await?;
    }
    event::of_role(service, change, community.root.name(), &changed, RoleFact::Updated).await?;
    Ok((changed, after))
}

async fn write(change: &Change, row: &Model) -> Result<(), Error> {
    let written = Entity::update_many()
        .col_expr(Column::DisplayName, Expr::value(row.display_name.as_str()))
        .col_expr(Column::DisplayNameKey, Expr::value(row.display_name_key.as_str()))
        .col_expr(Column::Description, Expr::value(row.description.as_str()))
        .col_expr(Column::Version, Expr::value(row.version))
        .col_expr(Column::UpdateTime, Expr::value(row.update_time))
        .filter(Column::Id.eq(row.id))
        .exec(&**change)
        .await?;
    if written.rows_affected == 1 { Ok(()) } else { Err(Failure::ConcurrentChange.into()) }
}
