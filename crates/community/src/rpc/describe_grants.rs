use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use sea_orm::entity::prelude::*;
use usher_api::community as pb;
use usher_api::name::{CommunityName, RoleName};
use usher_runtime::Violations;
use uuid::Uuid;

use crate::Community;
use crate::entity::{community, role};
use crate::error::Error;
use crate::role::RoleId;

const GRANTS: RangeInclusive<usize> = 1..=1_000;

pub(crate) async fn describe_grants(
    service: &Community,
    request: pb::DescribeGrantsRequest,
) -> Result<pb::DescribeGrantsResponse, Error> {
    let asked = parse(&request.grants)?;
    let connection = &*service.database;
    let communities: BTreeSet<Uuid> = asked.iter().map(|asked| asked.community.0).collect();
    let communities = community::by_id(connection, communities).await?;
    let roots = community::by_id(connection, communities.values().map(|row| row.root_id).collect()).await?;
    let roles: BTreeSet<Uuid> =
        asked.iter().flat_map(|asked| &asked.roles).filter_map(|role| role.custom()).collect();
    let roles = role::Entity::find().filter(role::Column::Id.is_in(roles)).all(connection).await?;
    let known = Known { communities, roots, roles: roles.into_iter().map(|row| (row.id, row)).collect() };
    Ok(pb::DescribeGrantsResponse { grants: asked.iter().map(|asked| known.describe(asked)).collect() })
}

struct Asked {
    community: CommunityName,
    roles: Vec<RoleId>,
}

fn parse(grants: &[pb::Grant]) -> Result<Vec<Asked>, Error> {
    let mut violations = Violations::default();
    let (least, most) = (GRANTS.start(), GRANTS.end());
    let number_fits = GRANTS.contains(&grants.len());
    violations.require(number_fits, "grants", format_args!("must hold {least} to {most} grants"));
    let mut asked = Vec::new();
    for (index, grant) in grants.iter().enumerate().take(*most) {
        let field = format!("grants[{index}]");
        let community = violations.check(format!("{field}.community"), grant.community.parse());
        let mut roles = Vec::new();
        for (place, name) in grant.roles.iter().enumerate() {
            let field = format!("{field}.roles[{place}]");
            let Some(RoleName { id, .. }) = violations.check(&field, name.parse()) else { continue };
            roles.extend(violations.check(&field, id.parse::<RoleId>()));
        }
        asked.extend(community.map(|community| Asked { community, roles }));
    }
    violations.finish()?;
    Ok(asked)
}

/// What is there of what was asked for.
struct Known {
    communities: HashMap<Uuid, community::Model>,
    roots: HashMap<Uuid, community::Model>,
    roles: HashMap<Uuid, role::Model>,
}

impl Known {
    fn describe(&self, asked: &Asked) -> pb::DescribedGrant {
        let roles = asked.roles.iter().filter_map(|role| self.role_name(*role)).collect();
        let found = self.communities.get(&asked.community.0);
        let Some((row, root)) = found.and_then(|row| Some((row, self.roots.get(&row.root_id)?))) else {
            let effective_state = pb::CommunityState::Deleted.into();
            return pb::DescribedGrant { effective_state, roles, ..pb::DescribedGrant::default() };
        };
        pb::DescribedGrant {
            display_name: row.display_name.clone(),
            effective_state: pb::CommunityState::from(row.state.below(root.state)).into(),
            roles,
            image_id: row.image_id.clone(),
        }
    }

    fn role_name(&self, role: RoleId) -> Option<String> {
        match role {
            RoleId::BuiltIn(role) => Some(role.display_name().to_owned()),
            RoleId::Custom(id) => self.roles.get(&id).map(|row| row.display_name.clone()),
        }
    }
}
