use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use usher_api::identity as pb;
use usher_api::name::ConnectionName;
use usher_runtime::fields::required;
use usher_runtime::idempotency::parse_request_id;
use usher_runtime::{Caller, Change, Once, Violations};

use crate::Identity;
use crate::account::tell;
use crate::connection::hold;
use crate::entity::{account, connection, link, sign_on};
use crate::error::Error;

pub(crate) async fn delete_connection(
    service: &Identity,
    caller: &Caller,
    request: pb::DeleteConnectionRequest,
) -> Result<pb::DeleteConnectionResponse, Error> {
    let mut violations = Violations::default();
    let name = violations.check("name", request.name.parse::<ConnectionName>());
    let request_id = parse_request_id(&request.request_id, &mut violations);
    let name = required(name, &mut violations)?;
    violations.finish()?;

    let once = Once::new(&service.sealing, &service.clock, caller, "DeleteConnection", request_id, &request);
    let change = service.database.change().await?;
    if let Some(answer) = once.begin(&change).await? {
        return Ok(answer);
    }
    hold(&change, name, &request.etag).await?;
    let id = name.id;
    tell_of_end(service, &change, id).await?;
    link::Entity::delete_many().filter(link::Column::ConnectionId.eq(id)).exec(&*change).await?;
    sign_on::Entity::delete_many().filter(sign_on::Column::ConnectionId.eq(id)).exec(&*change).await?;
    connection::Entity::delete_by_id(id).exec(&*change).await?;
    let answer = pb::DeleteConnectionResponse {};
    once.commit(change, &answer).await?;
    tracing::info!(connection = %name, "connection {id} deleted");
    Ok(answer)
}

/// Notes of the people who sign in by the connection that they no longer do, and tells it. Some have another.
async fn tell_of_end(service: &Identity, change: &Change, connection: Uuid) -> Result<(), Error> {
    use account::Column;
    let links = || Query::select().from(link::Entity).to_owned();
    let linked = links()
        .column(link::Column::AccountId)
        .and_where(link::Column::ConnectionId.eq(connection))
        .to_owned();
    let of_account = Expr::col((link::Entity, link::Column::AccountId)).equals((account::Entity, Column::Id));
    let others = links()
        .expr(Expr::val(1))
        .and_where(of_account)
        .and_where(link::Column::ConnectionId.ne(connection))
        .to_owned();
    let now = service.clock.now();
    let rows = account::Entity::update_many()
        .col_expr(Column::HasLink, Expr::exists(others))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .filter(Column::Id.in_subquery(linked))
        .exec_with_returning(&**change)
        .await?;
    for row in rows {
        tell(service, change, &row, "user.updated", now).await?;
    }
    Ok(())
}
