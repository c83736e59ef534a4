use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use usher_api::name::DeliveryName;
use usher_api::notifier as pb;
use usher_runtime::page::parse_page_size;
use usher_runtime::{Caller, Pages, Violations};

use super::{DEFAULT_PAGE, LARGEST_PAGE};
use crate::Notifier;
use crate::entity::dead_letter::{Column, Entity, Model};
use crate::error::Error;
use crate::newest_first::newest_first;

pub(crate) async fn list_dead_letters(
    service: &Notifier,
    caller: &Caller,
    request: pb::ListDeadLettersRequest,
) -> Result<pb::ListDeadLettersResponse, Error> {
    let mut violations = Violations::default();
    let asked = Some(request.delivery.as_str()).filter(|name| !name.is_empty());
    let delivery: Option<DeliveryName> = asked.and_then(|name| violations.check("delivery", name.parse()));
    let size = parse_page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE, &mut violations);
    violations.finish()?;

    let filter = (delivery, request.show_redriven);
    let pages = Pages::new(&service.sealing, &service.random, caller, "ListDeadLetters", &filter);
    let wanted = Condition::all()
        .add_option(delivery.map(|name| Column::DeliveryId.eq(name.0)))
        .add_option((!request.show_redriven).then(|| Column::RedriveTime.is_null()));
    let page = (request.page_token.as_str(), size);
    let (rows, next_page_token) =
        newest_first(service, &pages, page, Entity::find().filter(wanted), Column::Id, |row| row.id).await?;
    Ok(pb::ListDeadLettersResponse {
        dead_letters: rows.iter().map(Model::to_proto).collect(),
        next_page_token,
    })
}
