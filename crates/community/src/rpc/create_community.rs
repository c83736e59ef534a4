use std::collections::BTreeSet;

use sea_orm::{ActiveModelTrait as _, EntityTrait as _};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, SignedIn, Violations};

use crate::access::Reach;
use crate::catalogue::COMMUNITIES_CREATE;
use crate::consistency::ConsistencyToken;
use crate::entity::community::{self, Kind, State};
use crate::error::Error;
use crate::event::CommunityFact;
use crate::grants::Grant;
use crate::membership::Gift;
use crate::profile::{FIELDS, Profile};
use crate::role::{BuiltInRole, RoleId};
use crate::tree::{self, Held, HeldCommunity};
use crate::{Community, authority, event, parse, people};

/// Where the community is to be.
#[derive(Clone, Copy)]
enum Place {
    Top,
    Inside(CommunityName),
}

pub(crate) async fn create_community(
    service: &Community,
    caller: &Caller,
    request: pb::CreateCommunityRequest,
) -> Result<pb::CreateCommunityResponse, Error> {
    let asked = request.community.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let place = Place::parse(&asked.parent_community, &mut violations);
    let kind = parse_kind(&asked, &mut violations);
    let profile = Profile::parse(&asked, &BTreeSet::from(FIELDS), &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let place = parse::required(place, &mut violations)?;
    place.authorize(service, caller).await?;
    let kind = parse::required(kind, &mut violations)?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateCommunity", request_id, &request);
    if let Some(answer) = once.earlier_answer(&*service.database).await? {
        return Ok(answer);
    }
    if let Some(maker) = &caller.person {
        people::know(service, maker.user).await?;
    }
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let row = row(service, kind, place, profile);
    let held = place.hold(&change, &row).await?;
    community::Entity::insert(community::ActiveModel::from(row.clone()).reset_all())
        .exec_without_returning(&*change)
        .await?;
    event::of_community(service, &change, &row, CommunityFact::Created).await?;
    if matches!(place, Place::Top) {
        make_admin(service, &change, caller.person()?, &row).await?;
    }
    let consistency_token = ConsistencyToken::seal(service, held)?;
    let answer = pb::CreateCommunityResponse { community: Some(row.to_proto(row.state)), consistency_token };
    once.commit(change, &answer).await?;
    tracing::info!(community = %row.name(), "community {} created", row.id);
    Ok(answer)
}

fn parse_kind(asked: &pb::Community, violations: &mut Violations) -> Option<Kind> {
    let kind = Kind::from_proto(asked.kind);
    violations.require(kind.is_some(), "community.kind", "must be MANAGED or MSSP");
    let fits = asked.parent_community.is_empty() || kind != Some(Kind::Mssp);
    violations.require(fits, "community.kind", "must be MANAGED inside an MSSP community");
    kind
}

impl Place {
    fn parse(parent: &str, violations: &mut Violations) -> Option<Self> {
        if parent.is_empty() {
            return Some(Self::Top);
        }
        violations.check("community.parent_community", parent.parse()).map(Self::Inside)
    }

    async fn authorize(self, service: &Community, caller: &Caller) -> Result<(), Error> {
        match self {
            Self::Inside(parent) => {
                authority::require_for_change(service, caller, COMMUNITIES_CREATE, parent).await
            }
            Self::Top if caller.is_platform_admin() => Ok(()),
            Self::Top => Err(Failure::PermissionDenied {
                permission: COMMUNITIES_CREATE.to_owned(),
                resource: "communities".to_owned(),
            }
            .into()),
        }
    }

    /// Holds the tree that `row` will be in. Communities are on two levels, no more: only an MSSP community has others inside,
    /// and it is always at the top.
    async fn hold(self, change: &Change, row: &community::Model) -> Result<Held, Error> {
        let Self::Inside(name) = self else { return tree::plant(change, row.name()).await };
        let parent = HeldCommunity::take(change, name).await?;
        parent.require_active()?;
        if parent.row.kind == Kind::Mssp { Ok(parent.held) } else { Err(Error::ParentNotMssp(name)) }
    }
}

fn row(service: &Community, kind: Kind, place: Place, profile: Profile) -> community::Model {
    let now = service.clock.now();
    let id = service.random.uuid(now);
    let parent = match place {
        Place::Top => None,
        Place::Inside(parent) => Some(parent.0),
    };
    let display_name = profile.display_name.unwrap_or_default();
    let description = profile.description.unwrap_or_default();
    community::Model {
        id,
        kind,
        parent_id: parent,
        root_id: parent.unwrap_or(id),
        state: State::Active,
        name_key: parse::name_key(&display_name),
        search_key: parse::search_key(&display_name, &description),
        display_name,
        description,
        website_uri: profile.website_uri.unwrap_or_default(),
        version: 1,
        create_time: now,
        update_time: now,
        delete_time: None,
        purge_time: None,
        image_id: String::new(),
    }
}

/// Makes the maker of a community at the top its first member.
async fn make_admin(
    service: &Community,
    change: &Change,
    maker: &SignedIn,
    row: &community::Model,
) -> Result<(), Error> {
    let admin = RoleId::BuiltIn(BuiltInRole::Admin);
    let roles = vec![(admin, admin.in_community(row.name()))];
    let grant = Grant { community: row.name(), roles, reach: Reach::of(row.kind) };
    let gift = Gift { root: row.name(), to: maker.user, by: maker.user.into(), invitation: String::new() };
    gift.give(service, change, &[grant]).await?;
    Ok(())
}
