//! What happened to invitations, in an order that is the same for all who watch.
//!
//! Each change writes a row in its own transaction, without a place in the order of its tree: numbers given there would become
//! visible out of order, and whoever watches would pass over what commits late; a counter that is locked until the commit would
//! keep all changes of a tree waiting for each other. Instead, whoever watches gives places to the rows that are committed, in a
//! transaction that holds the tree's counter. So a row with a greater place never appears before one with a smaller, and there is
//! no gap.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, QueryOrder as _, QuerySelect as _};
use usher_api::name::CommunityName;
use usher_runtime::{Change, Database, Timestamp};

use crate::entity::history::{ActiveModel, Column, Entity, Model};
use crate::entity::watched_tree;

/// How many changes get their places in one transaction.
const BATCH: u64 = 500;

/// Writes `rows` as part of `change`.
pub(crate) async fn record(change: &Change, rows: Vec<Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.into_iter().map(|row| ActiveModel::from(row).reset_all());
    Entity::insert_many(rows).exec_without_returning(&**change).await?;
    Ok(())
}

/// What happened to an invitation, from the first change to the last.
pub(crate) async fn of_invitation(
    connection: &impl ConnectionTrait,
    invitation: Uuid,
) -> Result<Vec<Model>, DbErr> {
    let rows = Entity::find().filter(Column::InvitationId.eq(invitation));
    rows.order_by_asc(Column::Version).all(connection).await
}

/// The first changes of the tree after `place`, at most `most`, in their order.
pub(crate) async fn after(
    database: &Database,
    root: CommunityName,
    place: i64,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    give_places(database, root).await?;
    let rows = Entity::find().filter(Column::RootId.eq(root.0)).filter(Column::Place.gt(place));
    rows.order_by_asc(Column::Place).limit(most).all(&**database).await
}

/// The place of the last change of the tree that is committed. 0 if there was none.
pub(crate) async fn last_place(database: &Database, root: CommunityName) -> Result<i64, DbErr> {
    give_places(database, root).await?;
    let tree = watched_tree::Entity::find_by_id(root.0).one(&**database).await?;
    Ok(tree.map_or(0, |tree| tree.last_place))
}

/// Gives places to all changes that are committed and have none. Of several who do so at once, one does.
async fn give_places(database: &Database, root: CommunityName) -> Result<(), DbErr> {
    let waiting = || Entity::find().filter(Column::RootId.eq(root.0)).filter(Column::Place.is_null());
    while waiting().one(&**database).await?.is_some() {
        let change = database.change().await?;
        let mut last = hold(&change, root).await?;
        // Of one invitation, earlier versions come first: a version is visible only with all before it.
        let rows = waiting().order_by_asc(Column::Version).order_by_asc(Column::OccurTime).limit(BATCH);
        for row in in_order(rows.all(&*change).await?) {
            last += 1;
            let place = ActiveModel {
                invitation_id: Set(row.invitation_id),
                version: Set(row.version),
                place: Set(Some(last)),
                ..<ActiveModel as sea_orm::ActiveModelTrait>::default()
            };
            Entity::update(place).exec(&*change).await?;
        }
        let tree = watched_tree::ActiveModel { root_id: Set(root.0), last_place: Set(last) };
        watched_tree::Entity::update(tree).exec(&*change).await?;
        change.commit().await?;
    }
    Ok(())
}

/// Sorts changes, of which those of one invitation come in the order of its versions, by time, however the clocks of replicas
/// differ: no change is earlier than one before it.
fn in_order(rows: Vec<Model>) -> Vec<Model> {
    let mut reached: HashMap<Uuid, Timestamp> = HashMap::new();
    let mut timed: Vec<(Timestamp, Model)> = Vec::with_capacity(rows.len());
    for row in rows {
        let time = reached.entry(row.invitation_id).or_insert(row.occur_time);
        *time = row.occur_time.max(*time);
        timed.push((*time, row));
    }
    timed.sort_by_key(|(time, row)| (*time, row.version));
    timed.into_iter().map(|(_, row)| row).collect()
}

/// The last place of the tree, which nobody else moves on until `change` ends.
async fn hold(change: &Change, root: CommunityName) -> Result<i64, DbErr> {
    let first = watched_tree::ActiveModel { root_id: Set(root.0), last_place: Set(0) };
    watched_tree::Entity::insert(first)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&**change)
        .await?;
    let tree = watched_tree::Entity::find_by_id(root.0).lock_exclusive().one(&**change).await?;
    Ok(tree.map_or(0, |tree| tree.last_place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::history::Fact;
    use crate::entity::invitation::State;

    #[test]
    fn places_follow_time_and_never_put_a_version_before_an_earlier_one() {
        let row = |invitation: u128, version, time| Model {
            invitation_id: Uuid::from_u128(invitation),
            version,
            root_id: Uuid::nil(),
            place: None,
            fact: Fact::Created,
            state: State::Pending,
            actor_id: None,
            actor_program: String::new(),
            on_behalf_of_id: None,
            occur_time: Timestamp(time),
        };
        // The clock that wrote the second version of the first invitation is late.
        let rows = vec![row(1, 1, 50), row(2, 1, 20), row(1, 2, 30), row(2, 2, 40)];
        let order: Vec<_> =
            in_order(rows).iter().map(|row| (row.invitation_id.as_u128(), row.version)).collect();
        assert_eq!(order, [(2, 1), (2, 2), (1, 1), (1, 2)]);
    }
}
