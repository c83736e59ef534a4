//! The end of deleted communities: at `purge_time` everything about them is destroyed, what is inside them first.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use usher_runtime::{Change, database};
use uuid::Uuid;

use crate::Community;
use crate::entity::community::{Column, Entity, Model, State};
use crate::entity::{
    api_key, image, member, member_role, program_permission, role, role_permission, seat_reservation,
    settings,
};
use crate::error::Error;
use crate::event::{self, CommunityFact};
use crate::sweeper::BATCH;
use crate::tree;

/// Destroys the communities whose time has come, by the database's clock.
pub(crate) async fn destroy_deleted_communities(service: &Community) -> Result<(), Error> {
    let connection = &*service.database;
    let due = Entity::find()
        .filter(Column::State.eq(State::Deleted))
        .filter(Column::PurgeTime.is_not_null())
        .filter(Expr::col(Column::PurgeTime).lte(database::now(connection)))
        .order_by_asc(Column::PurgeTime)
        .limit(BATCH)
        .all(connection)
        .await?;
    for community in due {
        loop {
            let inside =
                Entity::find().filter(Column::ParentId.eq(community.id)).limit(BATCH).all(connection);
            let inside = inside.await?;
            if inside.is_empty() {
                break;
            }
            for managed in inside {
                if !destroy(service, &community, &managed).await? {
                    // What is still inside would be found again and again.
                    return Ok(());
                }
            }
        }
        destroy(service, &community, &community).await?;
    }
    Ok(())
}

/// Destroys `community`, which is `deleted` or inside it, unless the deletion was taken back. What counts the changes of the tree
/// stays, so that consistency tokens of it can be told from those of a database that went back. Returns whether it is gone.
async fn destroy(service: &Community, deleted: &Model, community: &Model) -> Result<bool, Error> {
    let change = service.database.change().await?;
    tree::hold(&change, community.name()).await?;
    let deleted = Entity::find_by_id(deleted.id).one(&*change).await?;
    if deleted.is_some_and(|deleted| deleted.state != State::Deleted) {
        return Ok(false);
    }
    let Some(community) = Entity::find_by_id(community.id).one(&*change).await? else { return Ok(true) };
    clear(&change, community.id).await?;
    Entity::delete_by_id(community.id).exec(&*change).await?;
    let now = service.clock.now();
    let gone = Model { version: community.version + 1, update_time: now, ..community };
    event::of_community(service, &change, &gone, CommunityFact::Purged).await?;
    change.commit().await?;
    tracing::info!(community = %gone.name(), "community {} destroyed", gone.id);
    Ok(true)
}

/// Destroys all that belongs to the community.
async fn clear(change: &Change, community: Uuid) -> Result<(), Error> {
    let roles = Query::select()
        .column(role::Column::Id)
        .from(role::Entity)
        .and_where(role::Column::CommunityId.eq(community))
        .to_owned();
    member_role::Entity::delete_many()
        .filter(member_role::Column::CommunityId.eq(community))
        .exec(&**change)
        .await?;
    member::Entity::delete_many().filter(member::Column::CommunityId.eq(community)).exec(&**change).await?;
    role_permission::Entity::delete_many()
        .filter(role_permission::Column::RoleId.in_subquery(roles))
        .exec(&**change)
        .await?;
    role::Entity::delete_many().filter(role::Column::CommunityId.eq(community)).exec(&**change).await?;
    program_permission::Entity::delete_many()
        .filter(program_permission::Column::CommunityId.eq(community))
        .exec(&**change)
        .await?;
    // The identity service forgets what its keys are known by when it hears of this.
    api_key::Entity::delete_many().filter(api_key::Column::CommunityId.eq(community)).exec(&**change).await?;
    seat_reservation::Entity::delete_many()
        .filter(seat_reservation::Column::CommunityId.eq(community))
        .exec(&**change)
        .await?;
    settings::Entity::delete_by_id(community).exec(&**change).await?;
    image::Entity::delete_by_id(community).exec(&**change).await?;
    Ok(())
}
