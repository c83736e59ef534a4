//! Tables whose rows wait to be taken.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QuerySelect as _, Select, UpdateMany};

/// Makes `change` on those of `waiting` that still are what its filters ask for, and returns them. A row that two callers see goes to one
/// of them: to the second it is not any more what it was.
///
/// First the rows are looked up, then they are changed. In one statement PostgreSQL, which takes a queue to be as short as it mostly
/// is, would compare each row that waits with each that is taken, and a long queue would grow faster than it is worked off.
pub async fn take<E, C>(
    connection: &C,
    id: E::Column,
    waiting: Select<E>,
    change: UpdateMany<E>,
) -> Result<Vec<E::Model>, DbErr>
where
    E: EntityTrait,
    C: ConnectionTrait,
{
    let ids: Vec<Uuid> = waiting.select_only().column(id).into_tuple().all(connection).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    change.filter(id.is_in(ids)).exec_with_returning(connection).await
}
