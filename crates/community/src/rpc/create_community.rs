use sea_orm::{ActiveModelTrait as _, EntityTrait as _};
use url::Url;
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Failure, Once, SignedIn, Violations};

use crate::access::Reach;
use crate::authority;
use crate::catalogue::COMMUNITIES_CREATE;
use crate::entity::community::{self, Kind};
use crate::error::Error;
use crate::grants::Grant;
use crate::membership::Gift;
use crate::role::{BuiltInRole, RoleId};
use crate::{Community, event, parse};

const DISPLAY_NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 0..=1_000;
const WEBSITE_URI_LENGTH: std::ops::RangeInclusive<usize> = 0..=2_000;

/// Where the community is to be.
#[derive(Clone, Copy)]
enum Place {
    Top,
    Inside(CommunityName),
}

/// What the request says of the community besides.
struct Draft {
    kind: Option<Kind>,
    display_name: String,
    description: String,
    website_uri: String,
}

pub(crate) async fn create_community(
    service: &Community,
    caller: &Caller,
    request: pb::CreateCommunityRequest,
) -> Result<pb::CreateCommunityResponse, Error> {
    let maker = caller.person()?;
    let asked = request.community.clone().unwrap_or_default();
    let mut violations = Violations::default();
    let place = Place::parse(&asked.parent_community, &mut violations);
    let draft = Draft::parse(&asked, &mut violations);
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let place = parse::required(place, &mut violations)?;
    place.authorize(service, caller, maker).await?;
    let kind = parse::required(draft.kind, &mut violations)?;
    violations.finish()?;
    place.require_room(service).await?;

    let once = Once::new(&service.sealing, &service.clock, caller, "CreateCommunity", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let row = draft.into_row(service, kind, place);
    community::Entity::insert(community::ActiveModel::from(row.clone()).reset_all())
        .exec_without_returning(&*change)
        .await?;
    event::community_created(service, &change, &row).await?;
    if matches!(place, Place::Top) {
        make_admin(service, &change, maker, &row).await?;
    }
    let answer = pb::CreateCommunityResponse { community: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    tracing::info!(community = %row.name(), "community {} created", row.id);
    Ok(answer)
}

impl Place {
    fn parse(parent: &str, violations: &mut Violations) -> Option<Self> {
        if parent.is_empty() {
            return Some(Self::Top);
        }
        violations.check("community.parent_community", parent.parse()).map(Self::Inside)
    }

    async fn authorize(self, service: &Community, caller: &Caller, maker: &SignedIn) -> Result<(), Failure> {
        match self {
            Self::Inside(parent) => authority::require(service, caller, COMMUNITIES_CREATE, parent).await,
            Self::Top if maker.platform_admin => Ok(()),
            Self::Top => Err(Failure::PermissionDenied {
                permission: COMMUNITIES_CREATE.to_owned(),
                resource: "communities".to_owned(),
            }),
        }
    }

    /// Communities are on two levels, no more: only an MSSP community has others inside, and it is always at
    /// the top.
    async fn require_room(self, service: &Community) -> Result<(), Error> {
        let Self::Inside(name) = self else { return Ok(()) };
        let parent = community::Entity::find_by_id(name.0).one(&*service.database).await?;
        let has_room = parent.is_some_and(|parent| parent.kind == Kind::Mssp);
        if has_room { Ok(()) } else { Err(Error::ParentNotMssp(name)) }
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
    let reach = match row.kind {
        Kind::Mssp => Reach::Subtree,
        Kind::Managed => Reach::Here,
    };
    let roles = vec![(admin, admin.in_community(row.name()))];
    let gift = Gift { to: maker.user, by: maker.user, invitation: String::new() };
    gift.give(service, change, &[Grant { community: row.name(), roles, reach }]).await?;
    Ok(())
}

impl Draft {
    fn parse(asked: &pb::Community, violations: &mut Violations) -> Self {
        let kind = Kind::from_proto(asked.kind);
        violations.require(kind.is_some(), "community.kind", "must be MANAGED or MSSP");
        let fits = asked.parent_community.is_empty() || kind != Some(Kind::Mssp);
        violations.require(fits, "community.kind", "must be MANAGED inside an MSSP community");
        let mut text = |field, value: &str, length| violations.text(field, value, length);
        Self {
            kind,
            display_name: text("community.display_name", &asked.display_name, DISPLAY_NAME_LENGTH),
            description: text("community.description", &asked.description, DESCRIPTION_LENGTH),
            website_uri: parse_website_uri(&asked.website_uri, violations),
        }
    }

    fn into_row(self, service: &Community, kind: Kind, place: Place) -> community::Model {
        let now = service.clock.now();
        let id = service.random.uuid(now);
        let parent = match place {
            Place::Top => None,
            Place::Inside(parent) => Some(parent.0),
        };
        community::Model {
            id,
            kind,
            parent_id: parent,
            root_id: parent.unwrap_or(id),
            display_name: self.display_name,
            description: self.description,
            website_uri: self.website_uri,
            version: 1,
            create_time: now,
            update_time: now,
        }
    }
}

/// Empty, or a URL that leads to a web site and to nothing else, such as a script.
fn parse_website_uri(value: &str, violations: &mut Violations) -> String {
    let typed = violations.text("community.website_uri", value, WEBSITE_URI_LENGTH);
    let leads_to_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let valid = typed.is_empty() || Url::parse(&typed).as_ref().is_ok_and(leads_to_web);
    violations.require(valid, "community.website_uri", "must be an http or https URL");
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_sites_are_http_urls() {
        let faults = |text: &str| {
            let mut violations = Violations::default();
            parse_website_uri(text, &mut violations);
            violations.iter().count()
        };
        for good in ["", "https://northwind.example", " http://localhost:8080/a?b=c "] {
            assert_eq!(faults(good), 0, "{good}");
        }
        for bad in ["northwind.example", "javascript:alert(1)", "ftp://northwind.example", "https://"] {
            assert_eq!(faults(bad), 1, "{bad}");
        }
    }
}
