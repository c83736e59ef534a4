use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use sea_orm::{QueryOrder as _, QuerySelect as _, Select};
use usher_api::identity as pb;
use usher_runtime::fields::{order_by, required, search};
use usher_runtime::keyset::{Cursor, Direction, Key, contains};
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};

use crate::Identity;
use crate::entity::account::{Column, Entity, Model, State};
use crate::error::Error;

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 1_000;
const ORDERS: [(&str, Column); 3] =
    [("create_time", Column::CreateTime), ("full_name", Column::NameKey), ("email", Column::EmailCanonical)];

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    states: Vec<State>,
    search: Option<String>,
    order: Column,
    direction: Direction,
}

pub(crate) async fn list_users(
    service: &Identity,
    caller: &Caller,
    request: pb::ListUsersRequest,
) -> Result<pb::ListUsersResponse, Error> {
    let mut violations = Violations::default();
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    let wanted = Wanted::parse(&request, &mut violations);
    let wanted = required(wanted, &mut violations)?;
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListUsers", &wanted);
    let after: Option<Cursor> = pages.open(&request.page_token)?;
    let mut rows = wanted.page(after.as_ref(), size).all(&*service.database).await?;
    let next_page_token = pages.cut(&mut rows, size, |row| wanted.cursor(row))?;
    Ok(pb::ListUsersResponse { users: rows.iter().map(Model::to_proto).collect(), next_page_token })
}

impl Wanted {
    fn parse(request: &pb::ListUsersRequest, violations: &mut Violations) -> Option<Self> {
        let mut states = Vec::new();
        for (place, state) in request.states.iter().enumerate() {
            let known = State::from_proto(*state);
            violations.require(known.is_some(), format!("states[{place}]"), State::WANTED);
            states.extend(known);
        }
        let search = search(&request.search, violations);
        let (order, direction) = order_by(&request.order_by, &ORDERS, violations)?;
        Some(Self { states, search, order, direction })
    }

    /// The beginning of what follows `after`, with one more than a page.
    fn page(&self, after: Option<&Cursor>, size: u64) -> Select<Entity> {
        let column = |column| Expr::col((Entity, column));
        let found = self.search.as_deref().map(|text| {
            contains(column(Column::NameKey), text).or(contains(column(Column::EmailCanonical), text))
        });
        let following = |cursor| self.direction.following(&column(self.order), &column(Column::Id), cursor);
        let states = (!self.states.is_empty()).then(|| Column::State.is_in(self.states.iter().copied()));
        let order = self.direction.order();
        Entity::find()
            .filter(Condition::all().add_option(states).add_option(found).add_option(after.map(following)))
            .order_by(self.order, order.clone())
            .order_by(Column::Id, order)
            .limit(size + 1)
    }

    fn cursor(&self, row: &Model) -> Cursor {
        let key = match self.order {
            Column::CreateTime => Key::Time(row.create_time.0),
            Column::NameKey => Key::Text(row.name_key.clone()),
            _ => Key::Text(row.email_canonical.clone()),
        };
        (key, row.id)
    }
}
