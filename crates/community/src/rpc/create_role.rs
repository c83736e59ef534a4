use std::collections::BTreeSet;

use sea_orm::{ActiveModelTrait as _, EntityTrait as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Actor, Caller, Change, Once, Violations};

use crate::access::Reach;
use crate::authority::{Holdings, require_for_change};
use crate::catalogue::{Catalogue, ROLES_CREATE};
use crate::consistency::ConsistencyToken;
use crate::entity::role;
use crate::error::Error;
use crate::event::RoleFact;
use crate::role_draft::{self, FIELDS, RoleDraft};
use crate::tree::HeldCommunity;
use crate::{Community, event, parse};

pub(crate) async fn create_role(
    service: &Community,
    caller: &Caller,
    request: pb::CreateRoleRequest,
) -> Result<pb::CreateRoleResponse, Error> {
    let maker = caller.actor()?;
    let asked = request.role.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse::<CommunityName>());
    let draft = RoleDraft::parse(&asked, &BTreeSet::from(FIELDS), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let parent = parse::required(parent, &mut violations)?;
    require_for_change(&*service.database, caller, ROLES_CREATE, parent).await?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateRole", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let community = HeldCommunity::take(&change, parent).await?;
    require_for_change(&*change, caller, ROLES_CREATE, parent).await?;
    let (row, permissions) = create(service, &change, maker, &community, draft).await?;
    let consistency_token = ConsistencyToken::seal(service, community.held)?;
    let answer = pb::CreateRoleResponse { role: Some(row.to_proto(permissions)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(role = %row.name(), "role {} created", row.id);
    Ok(answer)
}

/// Makes the role, if its maker holds all that it is to hold as far as it can be given.
async fn create(
    service: &Community,
    change: &Change,
    maker: Actor,
    community: &HeldCommunity,
    draft: RoleDraft,
) -> Result<(role::Model, BTreeSet<String>), Error> {
    let parent = community.row.name();
    let holdings = Holdings::load(&**change, [(maker, parent)]).await?;
    let catalogue = Catalogue::load(&**change, holdings.custom_roles()).await?;
    let permissions = draft.known_permissions(&catalogue)?.unwrap_or_default();
    let held = holdings.of(maker, parent).permissions(&catalogue, Reach::of(community.row.kind));
    let display_name = draft.display_name.unwrap_or_default();
    role_draft::hold_to_ceiling(parent, &display_name, &held, &permissions)?;

    let now = service.clock.now();
    let row = role::Model {
        id: service.random.uuid(now),
        community_id: parent.0,
        display_name_key: parse::name_key(&display_name),
        display_name,
        description: draft.description.unwrap_or_default(),
        version: 1,
        create_time: now,
        update_time: now,
    };
    role_draft::require_room(change, &row).await?;
    let inserted = role::ActiveModel::from(row.clone()).reset_all();
    role::Entity::insert(inserted).exec_without_returning(&**change).await?;
    role_draft::write_permissions(change, row.id, &permissions).await?;
    event::of_role(service, change, community.root.name(), &row, RoleFact::Created).await?;
    Ok((row, permissions))
}
