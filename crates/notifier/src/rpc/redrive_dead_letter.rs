use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use usher_api::name::DeadLetterName;
use usher_api::notifier as pb;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations, database};

use crate::Notifier;
use crate::entity::dead_letter::{Column, Entity, Model};
use crate::entity::delivery::{self, State};
use crate::error::Error;

pub(crate) async fn redrive_dead_letter(
    service: &Notifier,
    caller: &Caller,
    request: pb::RedriveDeadLetterRequest,
) -> Result<pb::RedriveDeadLetterResponse, Error> {
    let mut violations = Violations::default();
    let name: Option<DeadLetterName> = violations.check("name", request.name.parse());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    violations.finish()?;
    let once = Once::new(&service.sealing, &service.clock, caller, "RedriveDeadLetter", request_id, &request);

    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    let row = take(service, &change, name).await?;
    queue_again(&change, row.delivery_id).await?;
    let answer = pb::RedriveDeadLetterResponse { dead_letter: Some(row.to_proto()) };
    once.commit(change, &answer).await?;
    service.wake.notify_one();
    tracing::info!(dead_letter = %name, "{name} redriven by {caller}");
    Ok(answer)
}

/// Marks the dead letter as redriven. Of two who try at once, one does.
async fn take(service: &Notifier, change: &Change, name: DeadLetterName) -> Result<Model, Error> {
    let taken = Entity::update_many()
        .col_expr(Column::RedriveTime, Expr::value(service.clock.now()))
        .filter(Column::Id.eq(name.0))
        .filter(Column::RedriveTime.is_null())
        .exec_with_returning(&**change)
        .await?;
    if let Some(row) = taken.into_iter().next() {
        return Ok(row);
    }
    let present = Entity::find_by_id(name.0).one(&**change).await?;
    Err(present.map_or(Error::DeadLetterNotFound(name), |_| Error::DeadLetterRedriven(name)))
}

/// Attempts go on being counted: a sender that was thought dead must not take the next attempt for its own.
async fn queue_again(change: &Change, id: Uuid) -> Result<(), DbErr> {
    use delivery::Column;
    delivery::Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Queued))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::AvailableTime, database::now(&**change))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(State::Failed))
        .exec(&**change)
        .await?;
    Ok(())
}
