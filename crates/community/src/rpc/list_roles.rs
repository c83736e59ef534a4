use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Failure, Pages, Violations};

use crate::catalogue::{Catalogue, ROLES_LIST};
use crate::entity::{community, role};
use crate::error::Error;
use crate::role::{BuiltInRole, RoleId};
use crate::{Community, authority, parse};

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;

/// A role in its place in the list.
enum Listed {
    BuiltIn(BuiltInRole),
    Custom(role::Model),
}

pub(crate) async fn list_roles(
    service: &Community,
    caller: &Caller,
    request: pb::ListRolesRequest,
) -> Result<pb::ListRolesResponse, Error> {
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse());
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let search = parse::search(&request.search, &mut violations);
    let parent: CommunityName = parse::required(parent, &mut violations)?;
    authority::require(service, caller, ROLES_LIST, parent).await?;
    violations.finish()?;
    let community = community::Entity::find_by_id(parent.0).one(&*service.database).await?;
    let community = community.ok_or(Error::CommunityNotFound(parent))?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListRoles", &(parent, &search));
    let after: Option<String> = pages.open(&request.page_token)?;
    let after: Option<RoleId> = after.map(|id| id.parse()).transpose().map_err(Failure::internal)?;
    let mut roles: Vec<Listed> = built_in(after).map(Listed::BuiltIn).collect();
    roles.extend(custom(service, &community, after).await?.into_iter().map(Listed::Custom));
    roles.retain(|role| search.as_ref().is_none_or(|text| role.search_key().contains(text)));
    let next_page_token = pages.cut(&mut roles, size, |role| role.id().to_string())?;

    let catalogue =
        Catalogue::load(&*service.database, roles.iter().filter_map(|role| role.id().custom())).await?;
    let roles = roles.iter().map(|role| role.to_proto(parent, &catalogue)).collect();
    Ok(pb::ListRolesResponse { roles, next_page_token })
}

/// The built-in roles that follow `after`.
fn built_in(after: Option<RoleId>) -> impl Iterator<Item = BuiltInRole> {
    BuiltInRole::ALL.into_iter().filter(move |role| match after {
        None => true,
        Some(RoleId::BuiltIn(last)) => *role > last,
        Some(RoleId::Custom(_)) => false,
    })
}

/// The custom roles of the community and its parent that follow `after`: so few that all are read.
async fn custom(
    service: &Community,
    community: &community::Model,
    after: Option<RoleId>,
) -> Result<Vec<role::Model>, Error> {
    let after = after.and_then(RoleId::custom).map(|id| role::Column::Id.gt(id));
    let owners = std::iter::once(community.id).chain(community.parent_id);
    let roles = role::Entity::find()
        .filter(role::Column::CommunityId.is_in(owners))
        .filter(Condition::all().add_option(after))
        .order_by_asc(role::Column::Id)
        .all(&*service.database)
        .await?;
    Ok(roles)
}

impl Listed {
    fn id(&self) -> RoleId {
        match self {
            Self::BuiltIn(role) => RoleId::BuiltIn(*role),
            Self::Custom(row) => RoleId::Custom(row.id),
        }
    }

    fn search_key(&self) -> String {
        match self {
            Self::BuiltIn(role) => parse::search_key(role.display_name(), role.description()),
            Self::Custom(row) => parse::search_key(&row.display_name, &row.description),
        }
    }

    fn to_proto(&self, community: CommunityName, catalogue: &Catalogue) -> pb::Role {
        match self {
            Self::BuiltIn(role) => role.to_proto(community, catalogue),
            Self::Custom(row) => row.to_proto(catalogue.permissions_of(self.id())),
        }
    }
}
