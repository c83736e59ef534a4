//! Expiry made visible, interrupted acceptances completed, lost mails asked for again, and the house kept. Never a gate: what has
//! expired is refused before the sweeper comes by. Any number of sweepers work side by side.

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use usher_runtime::database;
use usher_runtime::rpc::error_chain;

use crate::Invitation;
use crate::acceptance;
use crate::entity::invitation::{Column, Entity, State};
use crate::error::Error;
use crate::{housekeeping, lifecycle, lost_mail};

/// How many invitations one round takes.
const BATCH: u64 = 100;

/// Sweeps until `stop`.
pub(crate) async fn run(service: Invitation, stop: CancellationToken) {
    let mut next_search = Instant::now();
    while !stop.is_cancelled() {
        if Instant::now() >= next_search {
            next_search = Instant::now() + lost_mail::INTERVAL;
            if let Err(error) = lost_mail::ask_again(&service).await {
                tracing::warn!(error = error_chain(&error), "sweeper looks for lost mails later");
            }
        }
        let rounds = [
            expire_overdue(&service).await,
            complete_claims(&service).await,
            housekeeping::remind(&service).await,
            housekeeping::purge(&service).await,
            housekeeping::forget_answers(&service).await,
        ];
        for error in rounds.iter().filter_map(|round| round.as_ref().err()) {
            tracing::warn!(error = error_chain(error), "sweeper tries again later");
        }
        // A full batch means that there is more.
        if !rounds.iter().any(|round| matches!(round, Ok(swept) if *swept >= BATCH)) {
            tokio::select! {
                () = tokio::time::sleep(service.config.sweep_interval) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

async fn expire_overdue(service: &Invitation) -> Result<u64, Error> {
    let change = service.database.change().await?;
    let oldest = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::State.eq(State::Pending))
        .and_where(Column::ClaimId.is_null())
        .and_where(Expr::col(Column::ExpireTime).lte(database::now(&*change)))
        .limit(BATCH)
        .to_owned();
    let expired = lifecycle::expire(service, &change, Column::Id.in_subquery(oldest)).await?;
    if expired > 0 {
        change.commit().await?;
    }
    Ok(expired as u64)
}

/// Completes acceptances whose process did not, most likely because it crashed.
async fn complete_claims(service: &Invitation) -> Result<u64, Error> {
    let connection = &*service.database;
    let interrupted = Entity::find()
        .filter(Column::ClaimId.is_not_null())
        .filter(Expr::col(Column::ClaimLeaseTime).lte(database::now(connection)))
        .limit(BATCH)
        .all(connection)
        .await?;
    let found = interrupted.len() as u64;
    for row in interrupted {
        let name = row.name();
        tracing::info!(invitation = %name, "completing an interrupted acceptance of {}", row.id);
        if let Err(error) = acceptance::settle_first(service, row).await {
            // One that cannot be completed now must not keep the others waiting.
            tracing::warn!(invitation = %name, error = error_chain(&error), "acceptance waits");
        }
    }
    Ok(found)
}
