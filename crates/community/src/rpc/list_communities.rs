use sea_orm::sea_query::{Condition, ExprTrait as _, IntoCondition as _, Query, SelectStatement, UnionType};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, JoinType, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use usher_api::community as pb;
use usher_api::name::{CommunityName, UserName};
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};
use uuid::Uuid;

use crate::Community;
use crate::authority::membership_of_role;
use crate::entity::community::{Column, Entity, Model};
use crate::entity::{member, member_role};
use crate::error::Error;

const DEFAULT_PAGE: u64 = 50;
const LARGEST_PAGE: u64 = 200;

/// The last community of a page: two may have the same name.
type Cursor = (String, Uuid);

pub(crate) async fn list_communities(
    service: &Community,
    caller: &Caller,
    request: pb::ListCommunitiesRequest,
) -> Result<pb::ListCommunitiesResponse, Error> {
    let person = caller.person()?.user;
    let mut violations = Violations::default();
    let parent = Some(&request.parent_community).filter(|text| !text.is_empty());
    let parent = parent.and_then(|text| violations.check("parent_community", text.parse::<CommunityName>()));
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;

    let pages = Pages::new(&service.sealing, &service.random, caller, "ListCommunities", &parent);
    let after: Option<Cursor> = pages.open(&request.page_token)?;
    let mut rows = Entity::find()
        .filter(reached_by(person))
        .filter(Condition::all().add_option(parent.map(|parent| Column::ParentId.eq(parent.0))))
        .filter(Condition::all().add_option(after.map(following)))
        .order_by_asc(Column::DisplayName)
        .order_by_asc(Column::Id)
        .limit(size + 1)
        .all(&*service.database)
        .await?;
    let next_page_token =
        pages.cut(&mut rows, size, |row| -> Cursor { (row.display_name.clone(), row.id) })?;
    let communities = rows.iter().map(Model::to_proto).collect();
    Ok(pb::ListCommunitiesResponse { communities, next_page_token })
}

/// Communities in which the person has a role, given there or above. One set of ids, so that the database
/// looks these up and does not read through all communities.
fn reached_by(person: UserName) -> Condition {
    let mut inheriting = communities_with_roles_of(person);
    inheriting.and_where(member_role::Column::Inherits.eq(true));
    let inside = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::ParentId.in_subquery(inheriting))
        .to_owned();
    let mut reached = communities_with_roles_of(person);
    reached.union(UnionType::Distinct, inside);
    Column::Id.in_subquery(reached).into_condition()
}

fn communities_with_roles_of(person: UserName) -> SelectStatement {
    Query::select()
        .column((member_role::Entity, member_role::Column::CommunityId))
        .from(member_role::Entity)
        .join(JoinType::InnerJoin, member::Entity, membership_of_role())
        .and_where(member_role::Column::UserId.eq(person.0))
        .and_where(member::Column::State.eq(member::State::Active))
        .to_owned()
}

fn following((display_name, id): Cursor) -> Condition {
    Condition::any()
        .add(Column::DisplayName.gt(display_name.clone()))
        .add(Column::DisplayName.eq(display_name).and(Column::Id.gt(id)))
}
