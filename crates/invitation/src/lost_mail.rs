//! Mails that were asked for and of which nothing was heard. An event that NATS took is confirmed when its consumers have acknowledged
//! all up to its place; a single message that was lost in the stream, or dealt with in a database that was put back since, is not
//! missed by that. Here it is: the invitation still waits for word of its mail long after the event is confirmed. Then the event is
//! published again, under its id, so that a notifier that did see it does nothing.
//!
//! Part of what sweepers do; any number work side by side.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use usher_api::name::{CommunityName, InvitationName};
use usher_runtime::clock::micros;
use usher_runtime::{Database, database, outbox, reconciler};

use crate::Invitation;
use crate::entity::invitation::{Column, DeliveryState, Entity};
use crate::error::Error;
use crate::lifecycle;

/// How often it is looked.
pub(crate) const INTERVAL: Duration = Duration::from_secs(30);
/// How long after the confirmation word of a mail may take. While a mail server is away it takes longer, and nothing is lost by a
/// repetition.
const PATIENCE: Duration = Duration::from_mins(15);
/// How often an event is published again, each time after as much more patience: the last time after an hour and a half more.
const MOST_PUBLICATIONS: i32 = 6;
/// How many invitations are looked at together.
const BATCH: u64 = 500;
/// The events that ask for the mail that is waited for. A reminder is none of them: the guest has a mail already.
const KINDS: [&str; 2] = ["invitation.created", "invitation.resent"];

/// Has the events published again whose mails nothing is heard of.
pub(crate) async fn ask_again(service: &Invitation) -> Result<(), Error> {
    let connection = &*service.database;
    let mut cursor = Uuid::nil();
    loop {
        let waiting: Vec<(Uuid, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::RootId])
            .filter(lifecycle::free_and_pending(connection))
            .filter(Column::DeliveryState.eq(DeliveryState::Queued))
            .filter(Column::Id.gt(cursor))
            .order_by_asc(Column::Id)
            .limit(BATCH)
            .into_tuple()
            .all(connection)
            .await?;
        let Some((id, _)) = waiting.last() else { return Ok(()) };
        cursor = *id;
        let names = waiting.into_iter().map(|(id, root)| InvitationName { root: CommunityName(root), id });
        let asked = newest_asking(&service.database, names).await?;
        let which = Condition::all().add(outbox::Column::Id.is_in(asked)).add(overdue(connection));
        let lost = reconciler::replay(&service.database, which).await?;
        if lost > 0 {
            tracing::warn!(lost, "nothing is heard of {lost} mails to guests, which are asked for again");
        }
    }
}

/// The ids of the events by which the newest mails were asked for. Those before ask for mails that nobody waits for any more.
async fn newest_asking(
    database: &Database,
    names: impl Iterator<Item = InvitationName>,
) -> Result<Vec<Uuid>, DbErr> {
    use outbox::Column;
    let rows: Vec<(String, i64, Uuid)> = outbox::Entity::find()
        .select_only()
        .columns([Column::Resource, Column::Version, Column::Id])
        .filter(Column::Kind.is_in(KINDS))
        .filter(Column::Resource.is_in(names.map(|name| name.to_string())))
        .into_tuple()
        .all(&**database)
        .await?;
    let mut newest: HashMap<String, (i64, Uuid)> = HashMap::new();
    for (resource, version, id) in rows {
        let known = newest.entry(resource).or_insert((version, id));
        *known = Ord::max(*known, (version, id));
    }
    Ok(newest.into_values().map(|(_, id)| id).collect())
}

/// Events that were confirmed so long ago that something should have been heard: the longer, the more often they were published.
fn overdue(connection: &impl ConnectionTrait) -> Condition {
    use outbox::Column;
    let patience = Expr::col(Column::Publication).add(1).mul(micros(PATIENCE));
    Condition::all()
        .add(Column::Publication.lt(MOST_PUBLICATIONS))
        .add(Expr::col(Column::ConfirmTime).add(patience).lte(database::now(connection)))
}
