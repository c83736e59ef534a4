use std::collections::HashMap;

use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};
use usher_api::community as pb;
use usher_api::name::CommunityName;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Actor, Caller, Failure, Pages, Violations};
use uuid::Uuid;

use crate::catalogue::COMMUNITIES_GET;
use crate::entity::community::{Column, Entity, Kind, Model, State};
use crate::error::Error;
use crate::reach::reached_by;
use crate::{Community, parse};
use usher_runtime::keyset::{Cursor, Direction, Key, contains};

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;
/// The field that orders the list, and its column.
const ORDERS: [(&str, Column); 2] = [("display_name", Column::NameKey), ("create_time", Column::CreateTime)];

/// Which communities, and in which order.
#[derive(Debug)]
struct Wanted {
    parent: Option<CommunityName>,
    kind: Option<Kind>,
    states: Vec<State>,
    search: Option<String>,
    order: Column,
    direction: Direction,
    all: bool,
}

pub(crate) async fn list_communities(
    service: &Community,
    caller: &Caller,
    request: pb::ListCommunitiesRequest,
) -> Result<pb::ListCommunitiesResponse, Error> {
    let actor = caller.actor()?;
    let mut violations = Violations::default();
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let wanted = Wanted::parse(&request, &mut violations);
    if request.show_all && !caller.is_platform_admin() {
        let (permission, resource) = (COMMUNITIES_GET.to_owned(), "communities".to_owned());
        return Err(Failure::PermissionDenied { permission, resource }.into());
    }
    let wanted = parse::required(wanted, &mut violations)?;
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListCommunities", &wanted);
    let after: Option<Cursor> = pages.open(&request.page_token)?;
    let connection = &*service.database;
    let mut rows = wanted.page(connection, actor, after.as_ref(), size).all(connection).await?;
    let next_page_token = pages.cut(&mut rows, size, |row| wanted.cursor(row))?;
    let communities = with_roots(service, &rows).await?;
    Ok(pb::ListCommunitiesResponse { communities, next_page_token })
}

/// The resources, for which the states of the communities above are read too.
async fn with_roots(service: &Community, rows: &[Model]) -> Result<Vec<pb::Community>, Error> {
    let roots: Vec<(Uuid, State)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::State])
        .filter(Column::Id.is_in(rows.iter().filter_map(|row| row.parent_id)))
        .into_tuple()
        .all(&*service.database)
        .await?;
    let roots: HashMap<Uuid, State> = roots.into_iter().collect();
    let root = |row: &Model| roots.get(&row.root_id).copied().unwrap_or(row.state);
    Ok(rows.iter().map(|row| row.to_proto(root(row))).collect())
}

impl Wanted {
    fn parse(request: &pb::ListCommunitiesRequest, violations: &mut Violations) -> Option<Self> {
        let parent = Some(&request.parent_community).filter(|text| !text.is_empty());
        let parent = parent.and_then(|text| violations.check("parent_community", text.parse()));
        let kind = Kind::from_proto(request.kind);
        violations.require(kind.is_some() || request.kind == 0, "kind", "must be MANAGED or MSSP");
        let mut states = Vec::new();
        for (place, state) in request.states.iter().enumerate() {
            let known = State::from_proto(*state);
            let field = format!("states[{place}]");
            violations.require(known.is_some(), field, "must be ACTIVE, SUSPENDED or DELETED");
            states.extend(known);
        }
        let search = parse::search(&request.search, violations);
        let (order, direction) = parse::order_by(&request.order_by, &ORDERS, violations)?;
        Some(Self { parent, kind, states, search, order, direction, all: request.show_all })
    }

    /// The beginning of what follows `after`, with one more than a page.
    fn page(
        &self,
        connection: &impl ConnectionTrait,
        actor: Actor,
        after: Option<&Cursor>,
        size: u64,
    ) -> Select<Entity> {
        let mut rows = Entity::find();
        if !self.all {
            rows = rows.filter(reached_by(connection, actor, None));
        }
        rows = match self.states.as_slice() {
            [] => rows.filter(Column::State.ne(State::Deleted)),
            states => rows.filter(Column::State.is_in(states.iter().copied())),
        };
        let column = |column| Expr::col((Entity, column));
        let search = self.search.as_deref().map(|text| contains(column(Column::SearchKey), text));
        let following = |cursor| self.direction.following(&column(self.order), &column(Column::Id), cursor);
        let order = self.direction.order();
        rows.filter(Condition::all().add_option(self.parent.map(|parent| Column::ParentId.eq(parent.0))))
            .filter(Condition::all().add_option(self.kind.map(|kind| Column::Kind.eq(kind))))
            .filter(Condition::all().add_option(search))
            .filter(Condition::all().add_option(after.map(following)))
            .order_by(self.order, order.clone())
            .order_by(Column::Id, order)
            .limit(size + 1)
    }

    fn cursor(&self, row: &Model) -> Cursor {
        let key = match self.order {
            Column::CreateTime => Key::Time(row.create_time.0),
            _ => Key::Text(row.name_key.clone()),
        };
        (key, row.id)
    }
}
