//! Until when mails may begin to leave.
//!
//! Between the moment at which its invitation was looked at and its first word, a mail waits for its turn and for the mail server. So
//! it may begin within a [`LIFETIME`] only, which is noted with the invitation, and a revocation is answered when that is over. What is
//! noted is a moment by the clock of the database, which must not leap ahead meanwhile; the sender counts from before he asked.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{DatabaseConnection, QuerySelect as _};
use usher_runtime::clock::micros;
use usher_runtime::rpc::error_chain;
use usher_runtime::{Change, database};
use uuid::Uuid;

use crate::Invitation;
use crate::entity::invitation::{Column, Entity};

/// For how long, after its sender asked, a mail may begin to leave. Most mail servers take a mail in less.
pub(crate) const LIFETIME: Duration = Duration::from_millis(250);
/// How much later a mail can begin nevertheless: whoever looks at the clock has not said the first word yet, and machines are busy.
const SLACK: Duration = Duration::from_millis(250);

/// Notes that mails about the pending invitations `ids`, which `change` holds, may begin to leave from now on, for a [`LIFETIME`].
pub(crate) async fn allow(change: &Change, ids: Vec<Uuid>) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::MailUntil, database::now(&**change).add(micros(LIFETIME + SLACK)))
        .filter(Column::Id.is_in(ids))
        .exec(&**change)
        .await?;
    Ok(())
}

/// Waits until no mail about the invitations `ids`, which have ended, can begin to leave any more: half a second at most.
pub(crate) async fn outlast(service: &Invitation, ids: impl IntoIterator<Item = Uuid>) {
    let left = left(&service.database, ids.into_iter().collect()).await.unwrap_or_else(|error| {
        tracing::warn!(error = error_chain(&error), "it is not known whether mails are about to leave");
        LIFETIME + SLACK
    });
    tokio::time::sleep(left).await;
}

async fn left(connection: &DatabaseConnection, ids: Vec<Uuid>) -> Result<Duration, DbErr> {
    let left = Entity::find()
        .select_only()
        .expr(Column::MailUntil.max().sub(database::now(connection)))
        .filter(Column::Id.is_in(ids))
        .into_tuple::<Option<i64>>()
        .one(connection)
        .await?;
    let micros = left.flatten().and_then(|micros| u64::try_from(micros).ok());
    Ok(Duration::from_micros(micros.unwrap_or(0)).min(LIFETIME + SLACK))
}
