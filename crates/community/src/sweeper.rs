//! What comes with time: members who stayed away are suspended, deleted communities destroyed, and rows that are older than what
//! they are ordered by completed. Any number of sweepers work side by side: each step looks again at what it is about to change.

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{EntityTrait as _, QueryFilter as _, QuerySelect as _};
use tokio_util::sync::CancellationToken;
use usher_api::name::UserName;
use uuid::Uuid;

use crate::entity::member;
use crate::error::Error;
use crate::{Community, inactivity, people, purge, seats};

/// How much is looked at in one statement.
pub(crate) const BATCH: u64 = 100;

/// Sweeps until `stop`.
pub(crate) async fn run(service: Community, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = sweep(&service).await {
            let error = usher_runtime::rpc::error_chain(&error);
            tracing::warn!(error, "the sweep of communities broke off; it is tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(service.config.sweep_interval) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn sweep(service: &Community) -> Result<(), Error> {
    complete_members(service).await?;
    inactivity::suspend_absent_members(service).await?;
    let change = service.database.change().await?;
    seats::forget_unheard(&change, service.clock.now()).await?;
    change.commit().await?;
    purge::destroy_deleted_communities(service).await
}

/// Asks about people whose memberships were made before these had their names.
async fn complete_members(service: &Community) -> Result<(), Error> {
    loop {
        let users: Vec<Uuid> = member::Entity::find()
            .select_only()
            .column(member::Column::UserId)
            .distinct()
            .filter(Expr::col(member::Column::PersonKnown).eq(false))
            .limit(BATCH)
            .into_tuple()
            .all(&*service.database)
            .await?;
        if users.is_empty() {
            return Ok(());
        }
        for user in users {
            people::learn(service, UserName(user)).await?;
        }
    }
}
