use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};
use usher_api::community::{self as pb, MemberSource};
use usher_api::name::CommunityName;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::catalogue::MEMBERS_LIST;
use crate::entity::member::{Column, Entity, Model, State};
use crate::entity::{community, member_role};
use crate::error::Error;
use crate::grants::split_role;
use crate::role::RoleId;
use crate::roster::Roster;
use crate::{Community, authority, parse};
use usher_runtime::keyset::{Cursor, Direction, Key, contains};

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;
/// The field that orders the list, and its column.
const ORDERS: [(&str, Column); 3] =
    [("display_name", Column::NameKey), ("email", Column::EmailKey), ("create_time", Column::CreateTime)];

/// Which people, and in which order.
#[derive(Debug)]
struct Wanted {
    search: Option<String>,
    states: Vec<State>,
    /// The community in which it is named, if it is, and its id.
    role: Option<(Option<CommunityName>, RoleId)>,
    source: MemberSource,
    without_roles: bool,
    order: Column,
    direction: Direction,
}

pub(crate) async fn list_members(
    service: &Community,
    caller: &Caller,
    request: pb::ListMembersRequest,
) -> Result<pb::ListMembersResponse, Error> {
    let mut violations = Violations::default();
    let parent = violations.check("parent", request.parent.parse());
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let wanted = Wanted::parse(&request, &mut violations);
    let parent: CommunityName = parse::required(parent, &mut violations)?;
    authority::require(service, caller, MEMBERS_LIST, parent).await?;
    let wanted = parse::required(wanted, &mut violations)?;
    violations.finish()?;
    let connection = &*service.database;
    let community = community::Entity::find_by_id(parent.0).one(connection).await?;
    let community = community.ok_or(Error::CommunityNotFound(parent))?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListMembers", &(parent, &wanted));
    let after: Option<Cursor> = pages.open(&request.page_token)?;
    if !wanted.can_be_held_in(&community) {
        return Ok(pb::ListMembersResponse::default());
    }
    let mut people = Vec::new();
    if wanted.source != MemberSource::Inherited {
        people.extend(wanted.page(wanted.direct(&community), after.as_ref(), size).all(connection).await?);
    }
    if wanted.source != MemberSource::Direct && community.parent_id.is_some() && !wanted.without_roles {
        people.extend(wanted.page(wanted.inherited(&community), after.as_ref(), size).all(connection).await?);
    }
    // Each of the two lists is in order; what is wanted is the beginning of both together.
    people.sort_by(|one, other| wanted.direction.compare(&wanted.cursor(one), &wanted.cursor(other)));
    let next_page_token = pages.cut(&mut people, size, |row| wanted.cursor(row))?;
    let users: Vec<Uuid> = people.iter().map(|row| row.user_id).collect();
    let roster = Roster::load(connection, &community, &users).await?;
    let members = users.into_iter().map(|user| roster.describe(user)).collect();
    Ok(pb::ListMembersResponse { members, next_page_token })
}

impl Wanted {
    fn parse(request: &pb::ListMembersRequest, violations: &mut Violations) -> Option<Self> {
        let search = parse::search(&request.search, violations);
        let mut states = Vec::new();
        for (place, state) in request.states.iter().enumerate() {
            let known = State::from_proto(*state);
            violations.require(known.is_some(), format!("states[{place}]"), "must be ACTIVE or SUSPENDED");
            states.extend(known);
        }
        let role = Some(&request.role).filter(|text| !text.is_empty());
        let role = role.and_then(|text| violations.check("role", split_role(text)));
        let source = violations
            .check("source", MemberSource::try_from(request.source).map_err(|_| "must be a known value"));
        let order = parse::order_by(&request.order_by, &ORDERS, violations);
        let (order, direction) = order?;
        let without_roles = request.without_roles;
        Some(Self { search, states, role, source: source?, without_roles, order, direction })
    }

    /// Whether the role, if one is wanted, is one of this community or of the one above: others are no roles here, whoever
    /// has them elsewhere.
    fn can_be_held_in(&self, community: &community::Model) -> bool {
        let named_in = self.role.and_then(|(named_in, _)| named_in);
        named_in.is_none_or(|named_in| named_in == community.name() || Some(named_in) == community.parent())
    }

    /// Members.
    fn direct(&self, community: &community::Model) -> Select<Entity> {
        let mut rows = Entity::find().filter(Column::CommunityId.eq(community.id));
        if let Some((_, role)) = self.role {
            let here = given_in(community.id).and_where(member_role::Column::RoleId.eq(role)).to_owned();
            let above = inheriting(community.root_id, role);
            rows = rows.filter(Condition::any().add(Expr::exists(here)).add(Expr::exists(above)));
        }
        if self.without_roles {
            rows = rows.filter(Expr::exists(given_in(community.id)).not());
        }
        rows
    }

    /// Those who reach the community from above and are no members.
    fn inherited(&self, community: &community::Model) -> Select<Entity> {
        let direct = sea_orm::sea_query::Alias::new("direct");
        let here = Query::select()
            .expr(Expr::val(1))
            .from_as(Entity, direct.clone())
            .and_where(Expr::col((direct.clone(), Column::CommunityId)).eq(community.id))
            .and_where(Expr::col((direct.clone(), Column::UserId)).equals((Entity, Column::UserId)))
            .and_where(Expr::col((direct, Column::State)).ne(State::Removed))
            .to_owned();
        let mut rows = Entity::find()
            .filter(Column::CommunityId.eq(community.root_id))
            .filter(Column::Inherits.eq(true))
            .filter(Expr::exists(here).not());
        if let Some((_, role)) = self.role {
            rows = rows.filter(Expr::exists(inheriting(community.root_id, role)));
        }
        rows
    }

    /// The beginning of what follows `after` in `rows`, with one more than a page.
    fn page(&self, rows: Select<Entity>, after: Option<&Cursor>, size: u64) -> Select<Entity> {
        let column = |column| Expr::col((Entity, column));
        let order = self.direction.order();
        let mut rows = match self.states.as_slice() {
            [] => rows.filter(Column::State.ne(State::Removed)),
            states => rows.filter(Column::State.is_in(states.iter().copied())),
        };
        if let Some(search) = &self.search {
            let matches = |key| contains(column(key), search);
            rows = rows.filter(matches(Column::NameKey).or(matches(Column::EmailKey)));
        }
        if let Some(cursor) = after {
            rows =
                rows.filter(self.direction.following(&column(self.order), &column(Column::UserId), cursor));
        }
        rows.order_by(self.order, order.clone()).order_by(Column::UserId, order).limit(size + 1)
    }

    fn cursor(&self, row: &Model) -> Cursor {
        let key = match self.order {
            Column::EmailKey => Key::Text(row.email_key.clone()),
            Column::CreateTime => Key::Time(row.create_time.0),
            _ => Key::Text(row.name_key.clone()),
        };
        (key, row.user_id)
    }
}

/// Selects the roles that the person of a row was given in `community`. By its id, not by the row's: tied to a column, the database
/// may read the roles of all communities.
fn given_in(community: Uuid) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(member_role::Entity)
        .and_where(
            Expr::col((member_role::Entity, member_role::Column::UserId)).equals((Entity, Column::UserId)),
        )
        .and_where(member_role::Column::CommunityId.eq(community))
        .to_owned()
}

/// Selects the role, if the person of a row was given it in `community` to count inside too.
fn inheriting(community: Uuid, role: RoleId) -> SelectStatement {
    given_in(community)
        .and_where(member_role::Column::RoleId.eq(role))
        .and_where(member_role::Column::Inherits.eq(true))
        .to_owned()
}
